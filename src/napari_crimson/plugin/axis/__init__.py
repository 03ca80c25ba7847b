"""The window that asks for the wavenumber axis of a stack that brings none."""

"""Spectra and maps drawn with pyqtgraph, behind one small class each."""

"""Where somebody looks in an image, and the spectra there: read off the main thread, the newest request first."""

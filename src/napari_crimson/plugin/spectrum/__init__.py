"""The dock widget *Plugins › CRIMSON › Spectrum*."""

"""The dock widget *Plugins › CRIMSON › Remove background*."""

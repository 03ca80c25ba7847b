"""The dock widget *Plugins › CRIMSON › Compare removers*."""

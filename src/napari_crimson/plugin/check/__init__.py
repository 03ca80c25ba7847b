"""The dock widget *Plugins › CRIMSON › Where not to trust*."""

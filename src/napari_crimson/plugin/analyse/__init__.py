"""The dock widget *Plugins › CRIMSON › Analyse*."""

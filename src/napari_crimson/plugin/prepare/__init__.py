"""The dock widget *Plugins › CRIMSON › Prepare*, and the SVD chooser."""

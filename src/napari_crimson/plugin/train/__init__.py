"""The dock widget *Plugins › CRIMSON › Train*: a network adapted to this microscope."""

"""Where the results of a removal go: memory, or a group on disk that can be taken up again after any stop.

`sinks` are the places, `store` the group, `journal` the list of its finished blocks, `origin` whether the data are still what they
were, `lock` one process to an output, `dry` a place that only looks.
"""

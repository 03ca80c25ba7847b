"""The same job on the workers of a dask.distributed scheduler: one task a block, which reads, corrects and writes it there.

The blocks share no chunk of the output, so workers write side by side; the process that asked holds the output's lock, lists
the blocks as they are finished, and tells the progress as `stream` does. A worker that dies costs the blocks it was at: dask
gives them to another. Input and output must lie where all machines see them by the same path.
"""

from napari_crimson.cluster.loop import Cluster

__all__ = ["Cluster"]

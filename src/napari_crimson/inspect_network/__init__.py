"""Look inside a network: what it costs, how it learnt, how far it sees, what its layers make of a spectrum, and which points made a peak.

All of it is measured by running the network and by its gradients, on the CPU; nothing here knows how a network is built.
`figures` draws it, with matplotlib.
"""

from napari_crimson.inspect_network.attribution import Attribution, attribute_peak
from napari_crimson.inspect_network.card import Facts, load_network, loss_curve, network_facts
from napari_crimson.inspect_network.field import Field, measure_field, theoretical_field
from napari_crimson.inspect_network.inspection import Inspection, look_inside
from napari_crimson.inspect_network.layers import feature_maps, first_layer_filters
from napari_crimson.inspect_network.spectrum import Spectrum, simulate_spectrum

__all__ = [
    "Attribution",
    "Facts",
    "Field",
    "Inspection",
    "Spectrum",
    "attribute_peak",
    "feature_maps",
    "first_layer_filters",
    "load_network",
    "look_inside",
    "loss_curve",
    "measure_field",
    "network_facts",
    "simulate_spectrum",
    "theoretical_field",
]

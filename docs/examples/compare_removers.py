"""The same spectra through three removers, held against the truth; and whether the deviation of the network is an honest one."""

# %% A phantom, whose truth is known
import matplotlib.pyplot as plt
import numpy as np

from napari_crimson import remove_background, simulate_stack
from napari_crimson.compare import agreements, average, compare

phantom = simulate_stack((32, 32), seed=1)

# %% A region through all three: mean over its pixels
result = compare(phantom, ["cnn", "rnn", "kk"], region=(slice(8, 16), slice(8, 16)))
mean = average(result)
figure, (spectra, calibration) = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
spectra.plot(mean["wavenumber"], mean["truth"], color="black", linewidth=1.5, label="truth")
for name in mean["remover"].values:
    spectra.plot(mean["wavenumber"], mean["raman"].sel(remover=name), linewidth=0.8, label=name)
spectra.set(xlabel="Raman shift (cm⁻¹)", ylabel="Im χ_R / χ_NR")
spectra.legend()

# %% How far each agrees with the truth
for one in agreements(result):
    if one.first == "truth":
        print(f"{one.second:4} r {one.r:.3f}  nRMSE {one.nrmse:.2f}  slope {one.slope:.2f}")

# %% The deviation that the network gives, and the error it makes
answer = remove_background(phantom, "cnn", uncertainty=True)
error = np.abs(answer["raman"] - phantom["raman"]).values.ravel()
sd = answer["uncertainty"].values.ravel()
sound = np.isfinite(error) & np.isfinite(sd)
within = float((error[sound] <= sd[sound]).mean())
print(f"{100 * within:.0f} % of the truth lies within one deviation; 68 % would, were all errors Gaussian")

# %% The same by size of the deviation: where the points lie on the line, it is honest
edges = np.quantile(sd[sound], np.linspace(0, 1, 13))
bins = np.digitize(sd[sound], edges[1:-1])
given = [sd[sound][bins == one].mean() for one in range(12)]
made = [np.sqrt((error[sound][bins == one] ** 2).mean()) for one in range(12)]
calibration.loglog(given, made, "o")
calibration.loglog(given, given, color="grey", linewidth=0.8)
calibration.set(xlabel="deviation given", ylabel="error made (rms)")
figure.savefig("removers.png", dpi=80)

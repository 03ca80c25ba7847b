"""Open a stack, remove its background, draw an image and some spectra."""

# %% A file to open: simulated tissue, written as a microscope might
import matplotlib.pyplot as plt

from napari_crimson import open_stack, remove_background, save_stack, simulate_stack

save_stack(simulate_stack((48, 48), seed=0)[["cars", "dark", "reference"]], "tissue.h5", overwrite=True)

# %% Open it: lazily, spectra last, the axis in cm⁻¹
stack = open_stack("tissue.h5")
print(stack)

# %% Remove the background; dark and reference are those of the file
result = remove_background(stack, "cnn", uncertainty=True)
print(*result.attrs["history"], sep="\n")

# %% The image of a band, and three spectra with their standard deviation
lipid = result["raman"].sel(wavenumber=slice(2840, 2860)).mean("wavenumber")
figure, (image, measured, corrected) = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
image.imshow(lipid, cmap="magma", vmin=0)
image.set(title="CH₂, mean of 2840–2860 cm⁻¹", xticks=[], yticks=[])
for number, (y, x) in enumerate([(30, 24), (4, 44), (45, 3)]):
    colour, spectrum, sd = f"C{number}", result["raman"][y, x], result["uncertainty"][y, x]
    image.plot(x, y, "o", color=colour, markeredgecolor="white")
    measured.plot(stack["wavenumber"], stack["cars"][y, x], color=colour, linewidth=0.8)
    corrected.plot(stack["wavenumber"], spectrum, color=colour, linewidth=0.8)
    corrected.fill_between(stack["wavenumber"], spectrum - sd, spectrum + sd, color=colour, alpha=0.25, linewidth=0)
measured.set(title="as measured", xlabel="Raman shift (cm⁻¹)", ylabel="counts")
corrected.set(title="corrected", xlabel="Raman shift (cm⁻¹)", ylabel="Im χ_R / χ_NR")
figure.savefig("tissue.png", dpi=80)

"""My own images: cells of NAS-Bench-201, trained on a folder of images."""

# %% A folder of images, one sub-folder a class
from pathlib import Path

from PIL import Image
from sklearn.datasets import load_digits

import nag

digits = load_digits()
for number, (image, label) in enumerate(zip(digits.images[:200], digits.target, strict=False)):
    folder = Path("images") / str(label)
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray((image * 15.9).astype("uint8")).save(folder / f"{number}.png")

# %% A task of a space and data trains networks; the search sees validation accuracy only
task = nag.Task(nag.load_space("nasbench201"), data="images/")
study = nag.search(task, budget=3, seed=0)
print(study.best)

# %% All queries, with cost and test accuracy
print(study.to_pandas())

import os
from importlib import metadata

for one in metadata.distributions():
    name = one.metadata["Name"]
    if not name:
        continue
    requires = [text.replace("|", "") for text in one.requires or [] if "extra ==" not in text]
    folder = str(one.locate_file(""))
    tops = set((one.read_text("top_level.txt") or "").split())
    tops.update(str(path).split("/")[0] for path in one.files or [])
    if getattr(one, "_path", None) is not None:
        tops.add(os.path.basename(str(one._path)))
    found = []
    for top in sorted(tops):
        for path in (os.path.join(folder, top), os.path.join(folder, top + ".py")):
            if top not in ("", "..", "bin", "__pycache__") and os.path.exists(path):
                found.append(path)
    print("\t".join([name, "|".join(requires), "|".join(found)]))

# Written by Pintail for a test of an artifact: keeps this machine's modules out of it.
import os
import sys


def seal():
    own = os.path.dirname(os.__file__)
    rooms = "@ROOMS@".split(":")
    zipped = "python%d%d.zip" % sys.version_info[:2]

    def stays(path):
        if path == "@SEAL@":
            return False
        if path in (own, os.path.join(own, "lib-dynload")) or os.path.basename(path) == zipped:
            return True
        return any(path == room or path.startswith(room + os.sep) for room in rooms)

    let_in = "@LET_IN@".split(":")
    sys.path[:] = [path for path in sys.path if stays(path) and path not in let_in] + let_in
    # What is installed to be edited is found by finders of its own.
    sys.meta_path[:] = [
        finder
        for finder in sys.meta_path
        if not getattr(finder, "__module__", "").startswith("__editable__")
    ]


seal()
del seal

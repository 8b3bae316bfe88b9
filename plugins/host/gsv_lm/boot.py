"""Run by the inserted line: loads the package from where this file lies, and starts it. Never raises."""

import importlib.util
import os
import sys

PACKAGE = "gsv_lm"


def load() -> None:
    """Put the package into ``sys.modules`` by its place, whatever the host's path is by now."""
    if PACKAGE in sys.modules:
        return
    here = os.path.dirname(os.path.abspath(__file__))
    spec = importlib.util.spec_from_file_location(
        PACKAGE, os.path.join(here, "__init__.py"), submodule_search_locations=[here]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{here} is no package")
    module = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[PACKAGE]
        raise


try:
    load()
    importlib.import_module(f"{PACKAGE}.start").start()
except Exception as error:  # noqa: BLE001 - the host has to start, whatever is wrong here
    sys.stderr.write(f"gsv_lm: the language model plugin cannot start ({type(error).__name__}: {error})\n")

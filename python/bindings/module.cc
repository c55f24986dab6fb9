// The module pegaflow._core.
#include <nanobind/nanobind.h>

#include "convert.h"

NB_MODULE(_core, module) {
  namespace python = pegaflow::python;
  module.doc() = "PegaFlow's engine-side client; use the package pegaflow.";
  python::bind_errors(module);
  python::bind_layouts(module);
  python::bind_arrays(module);
  python::bind_transfers(module);
  python::bind_session(module);
  module.def(
      "new_key", [] { return python::to_bytes(pegaflow::Key::random().bytes); },
      "A fresh random transfer key: 32 bytes.");
}

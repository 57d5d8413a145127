//! The allow-list: the classes and functions a pickle may name, and what naming them means here.
//! Nothing is ever imported or called.

use super::reader::broken;
use crate::error::{Error, Result};
use crate::weights::dtype::Dtype;
use crate::weights::{foreign, weights_error};

/// A class's name and its module's have at most so many bytes: a pickle may name one long text again and again.
const MAX_NAME: usize = 512;

/// What calling or making an instance of a global means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// An object: class, arguments and state are kept as data.
    Class,
    /// An empty or filled dictionary.
    Dict,
    /// Its only argument stands for the result.
    Same,
    /// `_rebuild_tensor_v2(storage, offset, shape, strides, …)`, and the older one without the rest.
    Tensor,
    /// `_rebuild_from_type_v2(function, class, arguments, state)`.
    FromType,
    /// `getattr(object, name)`: a method bound to an object, as fused models have them. It stays unused.
    Bound,
    /// A storage type.
    Storage(Dtype),
}

/// Modules whose classes are read as data, whatever their name.
const MODULES: [&str; 22] = [
    "models.common",
    "models.yolo",
    "models.experimental",
    "models.tf",
    "utils.activations",
    "utils.autoanchor",
    "utils.torch_utils",
    "torch.nn.modules",
    "torch.nn.parallel",
    "torch.nn.parameter",
    "torch.nn.quantized",
    // Wrappers and what belongs to a training.
    "torch._dynamo",
    "torch.distributed",
    "torch.optim",
    "torch.amp",
    "torch.cuda.amp",
    // What other writers note beside the weights.
    "omegaconf",
    "lightning",
    "pytorch_lightning",
    "lightning_fabric",
    "mmengine",
    "torchmetrics",
];

const CLASSES: [&str; 62] = [
    "_codecs.encode",
    "addict.addict.Dict",
    "argparse.Namespace",
    "box.box.Box",
    "builtins.bytearray",
    "builtins.complex",
    "builtins.object",
    "builtins.slice",
    "collections.deque",
    "contextlib.nullcontext",
    "copy_reg._reconstructor",
    "copyreg._reconstructor",
    "datetime.date",
    "datetime.datetime",
    "datetime.time",
    "datetime.timedelta",
    "datetime.timezone",
    "decimal.Decimal",
    "easydict.EasyDict",
    "fractions.Fraction",
    "numpy._core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy.bool_",
    "numpy.core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy.dtype",
    "numpy.float16",
    "numpy.float32",
    "numpy.float64",
    "numpy.int16",
    "numpy.int32",
    "numpy.int64",
    "numpy.int8",
    "numpy.ndarray",
    "numpy.str_",
    "numpy.uint8",
    "pathlib.Path",
    "pathlib.PosixPath",
    "pathlib.PurePath",
    "pathlib.PurePosixPath",
    "pathlib.PureWindowsPath",
    "pathlib.WindowsPath",
    "pathlib._local.PosixPath",
    "pathlib._local.WindowsPath",
    "torch._TorchCompileInductorWrapper",
    "torch.bfloat16",
    "torch.bool",
    "torch.device",
    "torch.float16",
    "torch.float32",
    "torch.float64",
    "torch.int16",
    "torch.int32",
    "torch.int64",
    "torch.int8",
    "torch.serialization._get_layout",
    "torch.torch_version.TorchVersion",
    "torch.uint8",
    "types.SimpleNamespace",
    "typing.Any",
    "uuid.UUID",
    "yacs.config.CfgNode",
];

/// Looks a global up; anything that isn't on the list is refused by its name.
pub(super) fn look_up(module: &str, name: &str) -> Result<(Role, String)> {
    if module.len().max(name.len()) > MAX_NAME {
        return Err(broken(&format!("a class's name is longer than {MAX_NAME} bytes")));
    }
    let module = module.strip_prefix("yolov5.").unwrap_or(module);
    let module = if module == "__builtin__" { "builtins" } else { module };
    let path = format!("{module}.{name}");
    let role = match path.as_str() {
        "collections.OrderedDict" | "collections.defaultdict" | "collections.Counter" | "builtins.dict" => Role::Dict,
        "builtins.set" | "builtins.frozenset" | "builtins.list" | "builtins.tuple" | "torch.Size" | "builtins.int"
        | "builtins.float" | "builtins.str" | "builtins.bool" => Role::Same,
        "torch._utils._rebuild_parameter" | "torch._utils._rebuild_parameter_with_state" => Role::Same,
        "torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_tensor" => Role::Tensor,
        "torch._tensor._rebuild_from_type_v2" => Role::FromType,
        "builtins.getattr" => Role::Bound,
        "torch.HalfStorage" => Role::Storage(Dtype::F16),
        "torch.BFloat16Storage" => Role::Storage(Dtype::Bf16),
        "torch.FloatStorage" => Role::Storage(Dtype::F32),
        "torch.DoubleStorage" => Role::Storage(Dtype::F64),
        "torch.LongStorage" => Role::Storage(Dtype::Other(8)),
        "torch.IntStorage" => Role::Storage(Dtype::Other(4)),
        "torch.ShortStorage" => Role::Storage(Dtype::Other(2)),
        "torch.CharStorage" | "torch.ByteStorage" | "torch.BoolStorage" => Role::Storage(Dtype::Other(1)),
        _ if is_class(module, name) || CLASSES.contains(&path.as_str()) => Role::Class,
        "torch._utils._rebuild_qtensor" => {
            return Err(weights_error("the checkpoint holds quantised tensors")
                .hint("a quantised checkpoint can't be read; give the one in floating point"));
        }
        _ => {
            let path = shown(&path);
            return Err(foreign::module(&path).unwrap_or_else(|| refused(&path)));
        }
    };
    Ok((role, path))
}

/// The error for a global that is not on the list.
pub(super) fn refused(path: &str) -> Error {
    weights_error(format!("the checkpoint names {path}, which is no part of a YOLOv5 model")).hint(
        "nothing of it was run; do not trust the file, or save the weights alone: torch.save(model.state_dict(), …)",
    )
}

fn is_class(module: &str, name: &str) -> bool {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    plain && MODULES.iter().any(|&m| module == m || module.strip_prefix(m).is_some_and(|rest| rest.starts_with('.')))
}

fn shown(path: &str) -> String {
    path.chars().take(120).flat_map(char::escape_default).collect()
}

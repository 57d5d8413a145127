//! The allow-list: the classes and functions a pickle may name, and what naming them means here.
//! Nothing is ever imported or called.

use super::value::Dtype;
use crate::error::Result;
use crate::weights::weights_error;

/// What calling or making an instance of a global means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// An object: class, arguments and state are kept as data.
    Class,
    /// An empty or filled dictionary.
    Dict,
    /// Its only argument stands for the result.
    Same,
    /// `_rebuild_tensor_v2(storage, offset, shape, strides, …)`.
    Tensor,
    /// `_rebuild_from_type_v2(function, class, arguments, state)`.
    FromType,
    /// A storage type.
    Storage(Dtype),
}

/// Modules whose classes are read as data, whatever their name.
const MODULES: [&str; 9] = [
    "models.common",
    "models.yolo",
    "models.experimental",
    "models.tf",
    "utils.activations",
    "utils.autoanchor",
    "torch.nn.modules",
    "torch.nn.parameter",
    "torch.nn.quantized",
];

const CLASSES: [&str; 36] = [
    "_codecs.encode",
    "argparse.Namespace",
    "builtins.bytearray",
    "builtins.complex",
    "builtins.object",
    "builtins.slice",
    "copyreg._reconstructor",
    "copy_reg._reconstructor",
    "datetime.date",
    "datetime.datetime",
    "datetime.time",
    "datetime.timedelta",
    "datetime.timezone",
    "numpy._core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy.dtype",
    "numpy.float16",
    "numpy.float32",
    "numpy.float64",
    "numpy.int32",
    "numpy.int64",
    "numpy.ndarray",
    "pathlib.Path",
    "pathlib.PosixPath",
    "pathlib.PurePath",
    "pathlib.PurePosixPath",
    "pathlib.PureWindowsPath",
    "pathlib.WindowsPath",
    "pathlib._local.PosixPath",
    "pathlib._local.WindowsPath",
    "torch.device",
    "torch.float16",
    "torch.float32",
    "torch.serialization._get_layout",
];

/// Looks a global up; anything that isn't on the list is refused by its name.
pub(super) fn look_up(module: &str, name: &str) -> Result<(Role, String)> {
    let module = module.strip_prefix("yolov5.").unwrap_or(module);
    let module = if module == "__builtin__" { "builtins" } else { module };
    let path = format!("{module}.{name}");
    let role = match path.as_str() {
        "collections.OrderedDict" | "collections.defaultdict" | "collections.Counter" | "builtins.dict" => Role::Dict,
        "builtins.set" | "builtins.frozenset" | "builtins.list" | "builtins.tuple" | "torch.Size" | "builtins.int"
        | "builtins.float" | "builtins.str" | "builtins.bool" => Role::Same,
        "torch._utils._rebuild_parameter" | "torch._utils._rebuild_parameter_with_state" => Role::Same,
        "torch._utils._rebuild_tensor_v2" => Role::Tensor,
        "torch._tensor._rebuild_from_type_v2" => Role::FromType,
        "torch.HalfStorage" => Role::Storage(Dtype::F16),
        "torch.BFloat16Storage" => Role::Storage(Dtype::Bf16),
        "torch.FloatStorage" => Role::Storage(Dtype::F32),
        "torch.DoubleStorage" => Role::Storage(Dtype::F64),
        "torch.LongStorage" => Role::Storage(Dtype::Other(8)),
        "torch.IntStorage" => Role::Storage(Dtype::Other(4)),
        "torch.ShortStorage" => Role::Storage(Dtype::Other(2)),
        "torch.CharStorage" | "torch.ByteStorage" | "torch.BoolStorage" => Role::Storage(Dtype::Other(1)),
        _ if is_class(module, name) || CLASSES.contains(&path.as_str()) => Role::Class,
        _ if module.split('.').next() == Some("ultralytics") => {
            return Err(weights_error(format!(
                "the pickle names {}: this is a checkpoint of a later YOLO, not of YOLOv5",
                shown(&path)
            ))
            .hint("YOLOv5's own train.py writes models.yolo.DetectionModel"));
        }
        _ => {
            return Err(weights_error(format!(
                "the pickle names {}, which isn't allowed in a checkpoint",
                shown(&path)
            ))
            .hint("nothing of it was run; a model of YOLOv5 doesn't need it, so don't trust the file"));
        }
    };
    Ok((role, path))
}

fn is_class(module: &str, name: &str) -> bool {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    plain && MODULES.iter().any(|&m| module == m || module.strip_prefix(m).is_some_and(|rest| rest.starts_with('.')))
}

fn shown(path: &str) -> String {
    path.chars().take(120).flat_map(char::escape_default).collect()
}

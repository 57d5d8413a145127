//! Activations as the YAML writes them and PyTorch prints them.

use super::graph::Activation;

/// Names that are understood, for "did you mean".
pub(crate) const NAMES: &[&str] = &[
    "nn.SiLU()",
    "nn.ReLU()",
    "nn.ReLU6()",
    "nn.LeakyReLU()",
    "nn.Hardswish()",
    "nn.Sigmoid()",
    "nn.Mish()",
    "nn.Identity()",
];

impl Activation {
    /// Reads `nn.ReLU()`, `torch.nn.LeakyReLU(0.1)` and the like; `None` for what isn't known.
    pub fn parse(word: &str) -> Option<Self> {
        let word = word.trim();
        let word = word.strip_prefix("torch.").unwrap_or(word);
        let word = word.strip_prefix("nn.")?;
        let (name, arguments) = match word.split_once('(') {
            Some((name, rest)) => (name, rest.strip_suffix(')')?),
            None => (word, ""),
        };
        let mut slope = None;
        for argument in arguments.split(',').map(str::trim).filter(|argument| !argument.is_empty()) {
            if matches!(argument, "inplace=True" | "inplace=False" | "True" | "False") {
                continue;
            }
            let value = argument.strip_prefix("negative_slope=").unwrap_or(argument);
            let value = value.parse::<f32>().ok().filter(|value| value.is_finite())?;
            if name != "LeakyReLU" || slope.replace(value).is_some() {
                return None;
            }
        }
        Some(match name {
            "SiLU" => Self::Silu,
            "ReLU" => Self::Relu,
            "ReLU6" => Self::Relu6,
            "LeakyReLU" => Self::LeakyRelu(slope.unwrap_or(0.01)),
            "Hardswish" => Self::Hardswish,
            "Sigmoid" => Self::Sigmoid,
            "Mish" => Self::Mish,
            "Identity" => Self::Identity,
            _ => return None,
        })
    }

    /// As PyTorch prints the module.
    pub(crate) fn printed(self) -> String {
        match self {
            Self::Silu => "SiLU()".into(),
            Self::Relu => "ReLU()".into(),
            Self::Relu6 => "ReLU6()".into(),
            Self::LeakyRelu(slope) => format!("LeakyReLU(negative_slope={slope:?})"),
            Self::Hardswish => "Hardswish()".into(),
            Self::Sigmoid => "Sigmoid()".into(),
            Self::Mish => "Mish()".into(),
            Self::Identity => "Identity()".into(),
        }
    }
}

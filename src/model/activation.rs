//! The names of activation functions: how a YAML writes them, how PyTorch prints them.

pub use ghostdet_kernels::Activation;

/// The classes of `torch.nn` that are known, with the function that each stands for.
const CLASSES: [(&str, Activation); 16] = [
    ("SiLU", Activation::Silu),
    ("ReLU", Activation::Relu),
    ("ReLU6", Activation::Relu6),
    ("LeakyReLU", Activation::LeakyRelu(DEFAULT_SLOPE)),
    ("PReLU", Activation::Prelu),
    ("Hardswish", Activation::Hardswish),
    ("Hardsigmoid", Activation::Hardsigmoid),
    ("Sigmoid", Activation::Sigmoid),
    ("Tanh", Activation::Tanh),
    ("Mish", Activation::Mish),
    ("ELU", Activation::Elu),
    ("CELU", Activation::Elu),
    ("SELU", Activation::Selu),
    ("GELU", Activation::Gelu),
    ("Softplus", Activation::Softplus),
    ("Identity", Activation::Identity),
];

/// The slope of `nn.LeakyReLU()`.
const DEFAULT_SLOPE: f32 = 0.01;

/// Names to suggest when one is unknown.
pub(crate) const NAMES: &[&str] = &[
    "nn.SiLU()",
    "nn.ReLU()",
    "nn.ReLU6()",
    "nn.LeakyReLU(0.1)",
    "nn.PReLU()",
    "nn.Hardswish()",
    "nn.Hardsigmoid()",
    "nn.Sigmoid()",
    "nn.Tanh()",
    "nn.Mish()",
    "nn.ELU()",
    "nn.CELU()",
    "nn.SELU()",
    "nn.GELU()",
    "nn.Softplus()",
    "nn.Identity()",
];

/// Reads an activation object such as `nn.ReLU()` or `torch.nn.LeakyReLU(0.1)`. `None` for what is not known, for
/// parameters other than LeakyReLU's slope, and for a class without parentheses (`nn.ReLU`).
pub fn parse(word: &str) -> Option<Activation> {
    let (name, arguments) = class_of(word)?.split_once('(')?;
    let mut activation = of_class(name.trim())?;
    let mut slopes = 0;
    for argument in arguments.strip_suffix(')')?.split(',').map(str::trim).filter(|one| !one.is_empty()) {
        let argument = argument.replace(' ', "");
        if matches!(argument.as_str(), "inplace=True" | "inplace=False" | "True" | "False") {
            continue;
        }
        let slope = argument.strip_prefix("negative_slope=").unwrap_or(&argument);
        let slope = slope.parse::<f32>().ok().filter(|slope| slope.is_finite())?;
        slopes += 1;
        activation = with_slope(activation, slope).filter(|_| slopes == 1)?;
    }
    Some(activation)
}

/// The function of the class `torch.nn.{name}` with its default parameters.
pub(crate) fn of_class(name: &str) -> Option<Activation> {
    CLASSES.iter().find(|(class, _)| *class == name).map(|(_, activation)| *activation)
}

/// The same with another slope, for LeakyReLU.
pub(crate) fn with_slope(activation: Activation, slope: f32) -> Option<Activation> {
    matches!(activation, Activation::LeakyRelu(_)).then_some(Activation::LeakyRelu(slope))
}

/// Whether PyTorch's object overwrites its input once the reference has built the network.
pub(crate) fn is_in_place(activation: Activation) -> bool {
    use Activation::{Hardswish, LeakyRelu, Relu, Relu6, Silu};
    matches!(activation, Relu | Relu6 | LeakyRelu(_) | Silu | Hardswish)
}

/// The class behind `nn.` or `torch.nn.`, with what follows it.
pub(crate) fn class_of(word: &str) -> Option<&str> {
    let word = word.trim();
    word.strip_prefix("torch.").unwrap_or(word).strip_prefix("nn.")
}

/// As Python prints the value that `word` evaluates to. `None` if it is no activation.
pub(crate) fn printed(word: &str) -> Option<String> {
    let class = class_of(word)?;
    match parse(word) {
        Some(Activation::LeakyRelu(slope)) => Some(format!("LeakyReLU(negative_slope={slope:?})")),
        Some(Activation::Prelu) => Some("PReLU(num_parameters=1)".into()),
        Some(Activation::Gelu) => Some("GELU(approximate='none')".into()),
        Some(Activation::Elu) => Some(format!("{}(alpha=1.0)", class.split('(').next()?)),
        Some(Activation::Softplus) => Some("Softplus(beta=1.0, threshold=20.0)".into()),
        Some(_) => Some(format!("{}()", class.split('(').next()?)),
        None => {
            of_class(class)?;
            let module = if class == "Identity" { "linear" } else { "activation" };
            Some(format!("<class 'torch.nn.modules.{module}.{class}'>"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_read_classes_are_not() {
        assert_eq!(parse("nn.LeakyReLU(0.1)"), Some(Activation::LeakyRelu(0.1)));
        assert_eq!(parse("torch.nn.LeakyReLU(negative_slope=0.2, inplace=True)"), Some(Activation::LeakyRelu(0.2)));
        assert_eq!(parse("nn.LeakyReLU()"), Some(Activation::LeakyRelu(0.01)));
        assert_eq!(parse("nn.ReLU(inplace=True)"), Some(Activation::Relu));
        for refused in ["nn.ReLU", "ReLU()", "nn.LeakyReLU(0.1", "nn.ReLU(0.1)", "nn.LeakyReLU(0.1, 0.2)", "relu"] {
            assert_eq!(parse(refused), None, "{refused}");
        }
        assert_eq!(printed("nn.LeakyReLU(0.2)").as_deref(), Some("LeakyReLU(negative_slope=0.2)"));
        assert_eq!(printed("nn.ReLU").as_deref(), Some("<class 'torch.nn.modules.activation.ReLU'>"));
    }
}

//! Takes functions out of a module that nothing ever calls, though the linker can't know it: Burn's shader compiler registers
//! all it can do in tables, among it a parser of its own text format and quantized tensors.

use walrus::{FunctionBuilder, FunctionId, FunctionKind, Module};

/// Parts of mangled names. What is called all the same traps, and the page goes on with the processor.
const UNUSED: [&str; 20] = [
    // The text format of pliron, the compiler under CubeCL: it is for debugging.
    "pliron..parsable..Parsable",
    "pliron..printable",
    "pliron5irfmt7parsers",
    "canonical_syntax_parse",
    "combine..",
    "7combine",
    // Quantized tensors: our networks have none.
    "run_with_quant_type",
    "cubek_quant",
    "quant..view",
    "12quantization",
    // Matrix products, reductions and interpolation: `BurnOpsExecutor` refuses the networks that need them.
    "cubek_interpolate",
    "11interpolate",
    "cubek_tile",
    "cubek_matmul",
    "cubek_reduce",
    "cubek_attention",
    "6matmul",
    // Numbers read from text, and tensors of other types than fp32.
    "10from_str_r",
    "try_cast_clone",
    "try_cast_inplace",
];

/// Functions with fewer instructions stay.
const SMALL: u64 = 40;

/// Empties them and what only they need.
pub fn run(module: &mut Module) {
    // The linker gives equal functions one body and one name: small ones and what frees memory may belong to others, too.
    let unused = |name: &str| !name.contains("drop_in_place") && UNUSED.iter().any(|part| name.contains(part));
    let found: Vec<FunctionId> = module
        .funcs
        .iter_local()
        .filter(|(_, function)| function.size() >= SMALL)
        .map(|(id, _)| id)
        .filter(|&id| module.funcs.get(id).name.as_deref().is_some_and(unused))
        .collect();
    for id in found {
        let ty = module.types.get(module.funcs.get(id).ty());
        let (parameters, results) = (ty.params().to_vec(), ty.results().to_vec());
        let mut body = FunctionBuilder::new(&mut module.types, &parameters, &results);
        body.func_body().unreachable();
        let arguments = parameters.iter().map(|&kind| module.locals.add(kind)).collect();
        module.funcs.get_mut(id).kind = FunctionKind::Local(body.local_func(arguments));
    }
    walrus::passes::gc::run(module);
}

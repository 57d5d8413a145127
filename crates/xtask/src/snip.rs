//! Takes functions out of a module that nothing ever calls, though the linker can't know it: Burn's shader compiler registers
//! all it can do in tables, among it a parser of its own text format, matrix cores and quantized tensors.

use std::collections::{HashMap, HashSet};

use walrus::{ElementItems, FunctionBuilder, FunctionId, FunctionKind, Module, TypeId};

/// Parts of function names. Found with a module that noted which of its functions ran while all modules, activations and
/// networks of the tests went through both of its executors. What is called all the same traps, and the page goes on with
/// the CPU.
const UNUSED: &[&str] = &[
    // The text format of pliron, the compiler under CubeCL: it is for debugging.
    "pliron::parsable",
    "pliron::printable",
    "pliron::irfmt::parsers",
    "canonical_syntax_parse",
    "combine::parser",
    "combine::stream",
    "combine::error",
    "pliron::irfmt::outlined",
    // Quantized tensors: our networks have none.
    "run_with_quant_type",
    "cubek_quant",
    "cubecl_std::quant",
    "quant::view",
    "quantization::",
    "ops::qtensor",
    // Matrix products, reductions and interpolation: `ghostdet_burn` does without them in browsers.
    "cubek_interpolate",
    "::interpolate",
    "cubek_tile",
    "cubek_matmul",
    "cubek_reduce",
    "cubek_attention",
    "::matmul",
    "kernel::reduce",
    "adaptive_avg_pool2d",
    // What WGSL does not have, or no kernel of an elementwise operation, a convolution or a pooling needs: matrix cores, tensor
    // maps, copies that a barrier awaits, operations of a whole subgroup, atomics, assembler, SPIR-V.
    "dialect::matrix",
    "dialect::ssa_matrix",
    "dialect::tma",
    "dialect::barrier",
    "dialect::plane",
    "ops::plane",
    "dialect::atomic",
    "ops::atomic",
    "dialect::asm",
    "types::spirv",
    "__expand_tensor_map_load_method",
    "__expand_tensor_map_store_method",
    // Views of a part of a tensor, or with a value for what lies outside.
    "__expand_read_masked_method",
    "__expand_write_checked_method",
    "__expand_as_linear_slice",
    // Constants that the compiler would calculate with: floating-point numbers in software, and loops with a condition.
    "rustc_apfloat::Float",
    "rustc_apfloat::ieee::sig",
    "IeeeFloat<S>::normalize",
    "IeeeFloat<S> as core::",
    "pliron::utils::apfloat::DynFloat",
    "apfloat::float_parse",
    "attr_interfaces::FloatAttr",
    "interfaces::MaterializableOp",
    "canonical_expression",
    "scf::SwitchOp",
    "scf::WhileOp",
    "APFloatType>::parse_value",
    // Operations that no activation has, and what imitates them.
    "HypotOp",
    "RhypotOp",
    "PowfOp",
    "PowiOp",
    "SModFloorOp",
    "FModFloorOp",
    "Expm1Op",
    "IsInfOp",
    "Dp4aOp",
    "UMulHiOp",
    "LeadingZerosBitsOp",
    "TrailingZerosBitsOp",
    "FindFirstSetOp",
    "SaturatingOp",
    "frontend::polyfills",
    // Numbers read from text, and tensors of other types than fp32.
    "from_str_r",
    "try_cast_clone",
    "try_cast_inplace",
];

/// As [`UNUSED`], of tiny functions.
const UNUSED_TINY: &[&str] = &["downcast_rs::Downcast>::into_any", "pliron::printable", "pliron::parsable"];

/// Functions with fewer instructions stay: the linker gives equal functions one body and one name, so that small ones may
/// belong to others, too.
const SMALL: u64 = 40;

/// Empties them, and takes out what only they need.
pub fn run(module: &mut Module) {
    let has = |name: &str, parts: &[&str]| parts.iter().any(|part| name.contains(part));
    let found: Vec<(FunctionId, TypeId)> = module
        .funcs
        .iter_local()
        .filter(|(id, function)| {
            let Some(name) = module.funcs.get(*id).name.as_deref() else { return false };
            let name = format!("{:#}", rustc_demangle::demangle(name));
            // What frees memory is shared, too.
            !name.contains("drop_in_place") && has(&name, if function.size() < SMALL { UNUSED_TINY } else { UNUSED })
        })
        .map(|(id, function)| (id, function.ty()))
        .collect();
    for &(id, ty) in &found {
        let kind = trap(module, ty);
        module.funcs.get_mut(id).kind = kind;
    }
    share(module, &found);
    walrus::passes::gc::run(module);
}

/// A function that traps.
fn trap(module: &mut Module, ty: TypeId) -> FunctionKind {
    let ty = module.types.get(ty);
    let (parameters, results) = (ty.params().to_vec(), ty.results().to_vec());
    let mut body = FunctionBuilder::new(&mut module.types, &parameters, &results);
    body.func_body().unreachable();
    let arguments = parameters.iter().map(|&kind| module.locals.add(kind)).collect();
    FunctionKind::Local(body.local_func(arguments))
}

/// Lets tables have one emptied function of each type.
fn share(module: &mut Module, emptied: &[(FunctionId, TypeId)]) {
    let mut one = HashMap::new();
    let other: HashMap<FunctionId, FunctionId> =
        emptied.iter().map(|&(id, ty)| (id, *one.entry(ty).or_insert(id))).collect();
    let tables: HashSet<_> = module.elements.iter().map(|element| element.id()).collect();
    for table in tables {
        if let ElementItems::Functions(functions) = &mut module.elements.get_mut(table).items {
            for function in functions {
                *function = *other.get(function).unwrap_or(function);
            }
        }
    }
}

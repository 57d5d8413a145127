//! What the planner promises, checked on the built-in networks without running anything.

use ghostdet::engine::plan::{Layout, Plan, Retain};
use ghostdet::engine::program::{INPUT, OpKind, Program, ValueId};
use ghostdet::engine::{Engine, EngineOptions, Weights};
use ghostdet::model::builtin;

const NETWORKS: [&str; 6] =
    ["yolov5n", "yolov5n-ghost", "yolov5n-ghost-backbone", "yolov5s", "yolov5s-ghost", "yolov5s-ghost-backbone"];

fn engine(name: &str) -> Engine {
    let graph = builtin(name).expect("a built-in").graph(Some(80)).unwrap();
    Engine::new(&graph, Weights::Random, &EngineOptions::default()).unwrap()
}

fn reads(program: &Program, index: usize) -> Vec<ValueId> {
    let op = &program.ops[index];
    [op.input].into_iter().chain(op.residual).chain(op.upsampled_addend.map(|addend| addend.value)).collect()
}

#[test]
fn nothing_is_copied_or_upsampled() {
    for name in NETWORKS {
        let engine = engine(name);
        for op in &engine.program().ops {
            assert!(
                !matches!(op.kind, OpKind::Copy | OpKind::Upsample { .. }),
                "{name} row {}: {}",
                op.row,
                op.kind.name()
            );
        }
        assert_eq!(engine.program().ops.iter().filter(|op| op.upsampled_addend.is_some()).count(), 2, "{name}");
    }
}

#[test]
fn a_ghost_convolution_writes_both_halves_into_one_map() {
    let engine = engine("yolov5s-ghost");
    let program = engine.program();
    let mut seen = 0;
    for (index, op) in program.ops.iter().enumerate() {
        let OpKind::Conv { shape, .. } = &op.kind else { continue };
        if shape.groups == 1 || shape.kernel != [5, 5] {
            continue;
        }
        let (primary, first) = program.root(op.input);
        let (cheap, second) = program.root(op.output);
        assert_eq!((primary, first + shape.channels[0]), (cheap, second), "step {index}");
        seen += 1;
    }
    assert!(seen >= 10, "only {seen} of them");
}

/// Floats `[start, end)` that an outermost value takes.
fn span(plan: &Plan, layout: Layout, value: ValueId) -> [usize; 2] {
    let view = plan.views[value];
    let floats = match layout {
        Layout::ChannelsLast => (view.height * view.width - 1) * view.stride + view.channels,
        Layout::Blocks => view.height * view.width * view.channels.next_multiple_of(4),
    };
    [view.start, view.start + floats]
}

#[test]
fn no_step_writes_over_what_is_still_needed() {
    for name in NETWORKS {
        let engine = engine(name);
        let program = engine.program();
        for size in [[320, 320], [96, 160], [32, 32]] {
            for layout in [Layout::ChannelsLast, Layout::Blocks] {
                for retain in [Retain::Maps, Retain::Candidates] {
                    check(name, program, &Plan::new(program, size, layout, retain).unwrap(), layout);
                }
            }
        }
    }
}

fn check(name: &str, program: &Program, plan: &Plan, layout: Layout) {
    let retain = plan.retain;
    // The outermost value that was written last at each float, as the steps go on.
    let mut owner = vec![usize::MAX; plan.arena];
    let fill = |owner: &mut Vec<usize>, value: ValueId| {
        let [start, end] = span(plan, layout, program.root(value).0);
        owner[start..end].fill(program.root(value).0);
    };
    let whole = |owner: &[usize], value: ValueId| {
        let root = program.root(value).0;
        let [start, end] = span(plan, layout, root);
        owner[start..end].iter().all(|&o| o == root)
    };
    // On the CPU the picture and what the first convolution makes of it are never there as a whole.
    assert_eq!(plan.fuses_stem, layout == Layout::ChannelsLast, "{name}");
    let between = if plan.fuses_stem { program.ops[0].output } else { usize::MAX };
    if !plan.fuses_stem {
        fill(&mut owner, INPUT);
    }
    let mut heads = Vec::new();
    for index in usize::from(plan.fuses_stem)..program.ops.len() {
        let output = program.ops[index].output;
        if retain == Retain::Candidates && program.outputs.contains(&output) {
            heads.push(program.ops[index].input);
            continue;
        }
        fill(&mut owner, output);
        for value in reads(program, index).into_iter().filter(|&value| value != between) {
            assert!(whole(&owner, value), "{name} {:?} {retain:?}: step {index} lost {value}", plan.size);
        }
    }
    let last = if retain == Retain::Candidates { &heads } else { &program.outputs };
    assert_eq!(last.len(), 3, "{name}");
    for &value in last {
        assert!(whole(&owner, value), "{name} {:?} {retain:?}: {value} was lost", plan.size);
    }
}

#[test]
fn memory_is_reused() {
    for name in NETWORKS {
        let engine = engine(name);
        let plan = Plan::new(engine.program(), [640, 640], Layout::ChannelsLast, Retain::Candidates).unwrap();
        assert!(plan.arena * 4 < plan.without_reuse, "{name}: {} of {}", plan.arena, plan.without_reuse);
        let blocks = Plan::new(engine.program(), [640, 640], Layout::Blocks, Retain::Maps).unwrap();
        assert!(blocks.arena * 4 < blocks.without_reuse, "{name}: {} of {}", blocks.arena, blocks.without_reuse);
    }
}

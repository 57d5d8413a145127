//! Anchors that fit the labels.

use ghostdet::Result;
use ghostdet::model::Graph;
use ghostdet::weights::Tensor;

use super::{Event, Options};
use crate::anchors::{check, label_sizes};

/// Pictures whose labels tell whether the anchors fit.
const ANCHOR_PICTURES: usize = 5000;

/// With a smaller share of labels that some anchor fits, training is warned of.
const LEAST: f64 = 0.8;

/// Replaces the anchors of `graph` if they fit too few labels and better ones are found.
pub(super) fn fit_anchors(options: &Options, graph: &mut Graph, tell: &mut dyn FnMut(Event<'_>)) -> Result<()> {
    let sizes = label_sizes(&options.data, options.imgsz, ANCHOR_PICTURES)?;
    if sizes.is_empty() {
        tell(Event::Note("warning: no label has a width and a height: nothing is there to be learned"));
        return Ok(());
    }
    let found = check(&graph.anchors, &sizes, options.hyp.anchor_t, options.seed);
    let percent = |recall: f64| recall * 100.0;
    let before = percent(found.before.recall);
    match found.better {
        Some((anchors, fit)) => {
            let after = percent(fit.recall);
            tell(Event::Note(&format!("anchors fitted {before:.1} % of the labels; new ones fit {after:.1} %")));
            graph.anchors = anchors;
        }
        None if found.before.recall < LEAST => {
            let text = "no better ones were found: what no anchor fits can't be learned";
            let hint = "use a larger --imgsz, or write anchors of the labels' sizes into the YAML";
            tell(Event::Note(&format!(
                "warning: the anchors fit only {before:.1} % of the labels, and {text} ({hint})"
            )));
        }
        None => tell(Event::Note(&format!("anchors fit {before:.1} % of the labels"))),
    }
    Ok(())
}

/// The anchors as a checkpoint keeps them: levels, anchors, width and height in cells.
pub(super) fn anchors_tensor(graph: &Graph) -> (String, Tensor) {
    let cells = graph.anchors.iter().zip(&graph.strides);
    let data = cells.flat_map(|(level, stride)| level.iter().flatten().map(|side| side / *stride as f32)).collect();
    let shape = vec![graph.anchors.len(), graph.anchors_per_level(), 2];
    (format!("model.{}.anchors", graph.rows.len().saturating_sub(1)), Tensor { shape, data })
}

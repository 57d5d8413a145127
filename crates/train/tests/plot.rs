//! Plots: well-formed, with every name and number where it belongs.

use ghostdet::detection::Detection;
use ghostdet::detection::metrics::{Evaluator, GroundTruth, Metric};
use ghostdet_train::plot::{Chart, Range, Series, charts, confusion, precision_recall, training};
use ghostdet_train::results::Row;
use roxmltree::Document;

/// All texts of the picture (not the tooltips), and all elements with a class.
fn texts(svg: &str) -> Vec<String> {
    let document = Document::parse(svg).unwrap();
    let texts = document.descendants().filter(|n| n.has_tag_name("text"));
    texts.map(|n| n.text().unwrap_or_default().to_owned()).collect()
}

fn paths(svg: &str, class: &str) -> Vec<String> {
    let document = Document::parse(svg).unwrap();
    let of = document.descendants().filter(|n| n.attribute("class") == Some(class));
    of.filter_map(|n| n.attribute("d")).map(str::to_owned).collect()
}

/// The points of a path.
fn points(path: &str) -> Vec<(f64, f64)> {
    let pairs = path[1..].split('L');
    pairs
        .map(|pair| {
            let (x, y) = pair.split_once(' ').unwrap();
            (x.parse().unwrap(), y.parse().unwrap())
        })
        .collect()
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("thing {i} <&\">")).collect()
}

/// Objects of `nc` classes, all found but the last class, which is taken for the first.
fn evaluated(nc: usize) -> Evaluator {
    let mut evaluator = Evaluator::new(nc, Metric::Yolo);
    for class in 0..nc {
        let predicted = if class + 1 == nc { 0 } else { class };
        let bounds = [0.0, 0.0, 50.0, 50.0];
        let found = [
            Detection { bounds, score: 0.9, class: predicted },
            Detection { bounds: [200.0, 0.0, 250.0, 50.0], score: 0.5, class: predicted },
        ];
        evaluator.add(&[GroundTruth::new(class, bounds.map(f64::from))], &found);
    }
    evaluator
}

#[test]
fn training_curves_from_results() {
    let row = |epoch: usize, loss: f64, map50: Option<f64>, rate: f64| Row {
        epoch,
        losses: [loss, 2.0 * loss, 0.0],
        metrics: map50.map(|map50| [0.0, 0.0, map50, 0.0]),
        validation: None,
        rate,
        seconds: 5.0,
    };
    let rows = [row(0, 0.1, None, 0.01), row(1, 0.08, Some(0.3), 0.02), row(2, 0.05, Some(0.45), 0.005)];
    let svg = training("Training <1>", &rows);
    let texts = texts(&svg);
    for text in ["Training <1>", "Loss", "Validation", "Learning rate", "epoch", "box_loss 0.05", "mAP_0.5 0.45"] {
        assert!(texts.iter().any(|t| t == text), "{text} in {texts:?}");
    }
    assert!(!texts.iter().any(|t| t.contains("seconds")), "{texts:?}");
    // Three points of falling loss, two of the metric, three of the learning rate.
    let falling = |class: &str| -> Vec<Vec<(f64, f64)>> {
        let curves = paths(&svg, class);
        curves.iter().map(|p| points(p)).filter(|p| p.iter().any(|q| q.1 != p[0].1)).collect()
    };
    let lines = falling("curve s0");
    assert_eq!(lines.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3]);
    assert!(lines[0].is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1), "{lines:?}");
    let metric = falling("curve s2");
    assert!(metric.iter().any(|line| line.len() == 2 && line[1].1 < line[0].1), "{metric:?}");
    Document::parse(&training("", &[])).unwrap();
    let odd = [row(0, f64::NAN, None, 0.0), row(1, f64::INFINITY, None, 0.0), row(2, 3e300, None, 0.0)];
    Document::parse(&training("", &odd)).unwrap();
}

#[test]
fn precision_over_recall() {
    let svg = precision_recall("PR", &evaluated(3).curves(), &names(3));
    let texts = texts(&svg);
    for text in ["recall", "precision", "all 3 classes 0.663", "thing 1 <&\"> 0.995", "thing 2 <&\"> 0.000"] {
        assert!(texts.iter().any(|t| t == text), "{text} in {texts:?}");
    }
    // Precision 1 is at the top, recall 1 at the right.
    let best = points(paths(&svg, "curve s2").iter().max_by_key(|p| p.len()).unwrap());
    assert_eq!(best.len(), 101);
    assert!(best[0].1 < best[100].1 && best[0].0 < best[100].0, "{best:?}");
    let many = precision_recall("PR", &evaluated(80).curves(), &names(80));
    assert_eq!(paths(&many, "quiet").len(), 80);
    Document::parse(&precision_recall("PR", &[], &[])).unwrap();
}

#[test]
fn confusion_shows_shares_of_columns() {
    let report = evaluated(3).finish();
    let svg = confusion("Confusion", &report.confusion, &names(3));
    let document = Document::parse(&svg).unwrap();
    let cells: Vec<(String, [f64; 3])> = document
        .descendants()
        .filter(|n| n.attribute("class") == Some("cell"))
        .map(|n| {
            let number = |key| n.attribute(key).unwrap().parse().unwrap();
            (n.first_element_child().unwrap().text().unwrap().to_owned(), ["x", "y", "fill-opacity"].map(number))
        })
        .collect();
    let cell = |text: &str| cells.iter().find(|(t, _)| t == text).unwrap_or_else(|| panic!("{text} in {cells:?}")).1;
    let right = cell("thing 1 <&\"> predicted as thing 1 <&\">: 1 of 1");
    let wrong = cell("thing 2 <&\"> predicted as thing 0 <&\">: 1 of 1");
    let alarm = cell("background predicted as thing 0 <&\">: 2 of 3");
    assert_eq!((right[2], alarm[2]), (1.0, 0.667));
    // Rows are predictions, columns the truth, the background last.
    assert!(wrong[1] < right[1] && wrong[0] > right[0] && alarm[0] > wrong[0] && alarm[1] == wrong[1]);
    let texts = texts(&svg);
    assert!(texts.iter().filter(|t| *t == "background").count() == 2 && texts.iter().any(|t| t == "0.67"), "{texts:?}");
    let many = confusion("Confusion", &evaluated(80).finish().confusion, &[]);
    assert!(!texts_contain(&many, "1.00") && texts_contain(&many, "79"));
}

fn texts_contain(svg: &str, text: &str) -> bool {
    texts(svg).iter().any(|t| t == text)
}

#[test]
fn axes_end_at_round_numbers_and_gaps_stay_gaps() {
    let points = vec![(0.0, 3.0), (1.0, f64::NAN), (2.0, 47.0), (3.0, 20.0)];
    let series = vec![Series { name: "a\u{1}b".repeat(20), points, quiet: false }];
    let chart =
        Chart { title: "T".into(), x: "x".into(), y: "y".into(), x_range: Range::Data, range: Range::FromZero, series };
    let svg = charts("Two", &[chart.clone(), chart]);
    let texts = texts(&svg);
    for tick in ["0", "10", "50", "3"] {
        assert!(texts.iter().any(|t| t == tick), "{tick} in {texts:?}");
    }
    assert!(!texts.iter().any(|t| t == "60"), "{texts:?}");
    assert!(texts.iter().any(|t| t.ends_with('…') && t.chars().count() == 24), "{texts:?}");
    // A legend's line, a dot, a line of two points; twice.
    assert_eq!(paths(&svg, "curve s0").len(), 6);
}

#[test]
fn both_grounds_have_colours() {
    let svg = precision_recall("PR", &evaluated(2).curves(), &names(2));
    let (light, dark) = svg.split_once("@media (prefers-color-scheme:dark)").unwrap();
    for class in (0..11)
        .map(|i| format!(".s{i}{{"))
        .chain([".paper{", ".ink{", ".soft{", ".grid{", ".cell{", ".on{"].map(String::from))
    {
        let colour = |style: &str| {
            style.split_once(&class).unwrap_or_else(|| panic!("{class}")).1.split('}').next().unwrap().to_owned()
        };
        assert_ne!(colour(light), colour(dark), "{class}");
    }
}

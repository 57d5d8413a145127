//! Hyperparameters and recipes from YAML.

use ghostdet_train::hyp::Hyp;
use ghostdet_train::optimizer::Optimizer;
use ghostdet_train::recipe::Recipe;

#[test]
fn names_of_the_reference_are_read_and_unknown_ones_passed_over() {
    let hyp =
        Hyp::parse("lr0: 0.02\nbox: 0.1\ncls: 0.3\nmosaic: 0.5\ncopy_paste: 0.0\nanchors: 3\nfl_gamma: 1\n").unwrap();
    assert_eq!((hyp.lr0, hyp.loss.box_gain, hyp.loss.cls_gain, hyp.loss.fl_gamma), (0.02, 0.1, 0.3, 1.0));
    assert_eq!(hyp.augment.mosaic, 0.5);
    assert_eq!(hyp.momentum, Hyp::default().momentum);
    let told = Hyp::without_effect("lr0: 0.1\nlr_0: 0.1\niou_t: 0.2\nanchors: 3\ncopy_paste: 0.1\n");
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("copy_paste is not done") && told[1].contains("lr_0 is no hyperparameter"), "{told:?}");
    assert!(Hyp::without_effect("copy_paste: 0.0\nmosaic: 1\n").is_empty());
}

#[test]
fn numbers_may_be_text() {
    let hyp = Hyp::parse("lr0: '1e-3'\nmosaic: \" 0.5 \"\noptimizer: adamw\n").unwrap();
    assert_eq!((hyp.lr0, hyp.augment.mosaic, hyp.optimizer), (0.001, 0.5, Optimizer::AdamW));
}

#[test]
fn our_own_names_are_read() {
    let hyp =
        Hyp::parse("optimizer: muon\nfreeze_bn: true\nweak_score: 0.5\nmask_classes: true\nema_decay: 0.99\n").unwrap();
    assert_eq!((hyp.optimizer, hyp.freeze_bn, hyp.loss.mask_classes), (Optimizer::Muon, true, true));
    assert_eq!((hyp.scores.weak_score, hyp.ema_decay), (0.5, 0.99));
    assert_eq!([0.49, 0.5, 0.9].map(|score| hyp.scores.weight(score)), [0.0, 0.8, 1.0]);
}

#[test]
fn numbers_that_cannot_be_meant_are_errors() {
    for (text, what) in [
        ("lr0: 0", "lr0"),
        ("ema_decay: 1", "ema_decay"),
        ("weak_score: -1", "weak_score"),
        ("mosaic: 2", "mosaic"),
        ("lr0: fast", "fast"),
        ("optimizer: adamax", "adamax"),
        ("- 1", "hyperparameters"),
    ] {
        let error = Hyp::parse(text).unwrap_err().to_string();
        assert!(error.contains(what), "{text}: {error}");
    }
}

#[test]
fn learning_on_begins_gently_unless_told_otherwise() {
    for base in [Hyp::new_classes(), Hyp::fine_tuning()] {
        let first = base.schedule(10, 16).at(0, 0);
        assert_eq!((first.rate, first.bias_rate), (0.0, 0.0));
    }
    let base = Hyp::new_classes();
    let rates = [0, 9].map(|epoch| base.schedule(10, 16).epoch_rate(epoch));
    assert!(rates[0] > 0.9 * 0.9 * base.lr0 && (rates[1] - base.lr0 * base.lrf).abs() < 1e-6, "{rates:?}");
    let told = base.with("warmup_bias_lr: 0.1\n").unwrap();
    assert_eq!(told.schedule(10, 16).at(0, 0).bias_rate, 0.1);
    assert!(Hyp::default().schedule(10, 16).at(0, 0).bias_rate > 0.0);
}

#[test]
fn a_recipe_names_data_schedule_and_hyperparameters() {
    let recipe =
        Recipe::parse("data: [a.bin, b.bin]\nval: v.bin\nepochs: 3\nsizes: [256, 320]\nhyp:\n  lr0: 0.005\n").unwrap();
    assert_eq!((recipe.data.len(), recipe.epochs, recipe.sizes.as_slice()), (2, Some(3), &[256, 320][..]));
    assert_eq!(Hyp::default().with_values(recipe.hyp).unwrap().lr0, 0.005);
    let error = Recipe::parse("epoch: 3\n").unwrap_err().to_string();
    assert!(error.contains("epoch"), "{error}");
    for name in ["coco", "fine-tune"] {
        let path = format!("{}/../../configs/recipes/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
        let recipe = Recipe::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
        Hyp::default().with_values(recipe.hyp).unwrap();
    }
}

//! Checkpoints of other networks, told by the names of their tensors or of their classes.

use super::weights_error;
use crate::error::Error;

/// What is wanted instead.
const WANTED: &str = "ghostdet runs YOLOv5's detection networks: give detection weights that YOLOv5's train.py wrote";

/// Parts of names that only one kind of network has, all of them needed.
const OTHERS: [(&[&str], &str); 24] = [
    (&["lora_A"], "a LoRA adapter"),
    (&["model.diffusion_model."], "a Stable Diffusion checkpoint"),
    (&["down_blocks.", "up_blocks."], "a diffusion model's U-Net"),
    (&["self_attn.q_proj"], "a language model"),
    (&["attention.self.query"], "a BERT-like text model"),
    (&["visual.", "text_projection"], "a CLIP model"),
    (&["text_model.", "vision_model."], "a CLIP model"),
    (&["image_encoder.", "mask_decoder."], "a Segment Anything model"),
    (&["transformer.encoder.layers", "query_embed"], "a DETR detector"),
    (&["decoder.dec_score_head"], "an RT-DETR detector"),
    (&["roi_heads.mask_predictor"], "a Mask R-CNN (torchvision)"),
    (&["roi_heads."], "a Faster R-CNN (torchvision)"),
    (&["roi_head."], "a two-stage detector of MMDetection"),
    (&["head.classification_head", "head.regression_head"], "an SSD or RetinaNet detector (torchvision)"),
    (&["backbone.backbone.dark"], "a YOLOX detector"),
    (&["bbox_head."], "a detector of MMDetection"),
    (&["rbr_dense"], "a network of RepVGG blocks (YOLOv6 and its kin)"),
    (&["module_list.0."], "a Darknet network (YOLOv3 or YOLOv4)"),
    (&["cls_token", "attn.qkv"], "a Vision Transformer classifier"),
    (&["conv_stem.weight", "blocks.0.0."], "a classifier of timm (GhostNet, EfficientNet, MobileNet)"),
    (&["layer1.0.conv1"], "a ResNet"),
    (&["denseblock1."], "a DenseNet classifier"),
    (&["double_conv"], "a U-Net"),
    (&["features.0", "classifier."], "a classifier of torchvision (VGG, MobileNet, EfficientNet)"),
];

/// The error that names another kind of network, if the keys are one's.
pub(super) fn other<'k>(keys: impl Iterator<Item = &'k str> + Clone) -> Option<Error> {
    let has = |mark: &&str| keys.clone().any(|key| key.contains(*mark));
    let (_, what) = OTHERS.iter().find(|(marks, _)| marks.iter().all(has))?;
    Some(weights_error(format!("the tensors are those of {what}, not of a YOLOv5 state dict")).hint(WANTED))
}

/// The error that names another YOLO, or another task of YOLOv5, told by keys that begin with the row.
pub(super) fn yolo(keys: &[String]) -> Option<Error> {
    let has = |mark: &str| keys.iter().any(|key| key.contains(mark));
    let last = keys.iter().filter_map(|key| key.split('.').next()?.parse::<usize>().ok()).max()?;
    let head = |rest: &str| {
        let start = format!("{last}.{rest}");
        keys.iter().any(|key| key.starts_with(&start))
    };
    let what = if has(".dec_score_head") || has(".denoising_class_embed") {
        "an RT-DETR detector"
    } else if has(".one2one_cv2") {
        "a YOLOv10 (or later) detector"
    } else if has(".dfl2.") {
        "a YOLOv9 detector"
    } else if has(".dfl.") || (head("cv2.0.") && head("cv3.0.")) {
        match (has(".proto."), head("cv4.0."), has(".attn.qkv.")) {
            (true, ..) => "a segmentation network of YOLOv8 to YOLO11",
            (_, true, _) => "a pose or rotated-box network of YOLOv8 to YOLO11",
            (.., true) => "a YOLO11 (or later) detector",
            _ => "a YOLOv8 (or later) detector, or YOLOv5u",
        }
    } else if has(".implicit") || has(".m_kpt.") {
        "a YOLOv7 or YOLOR network"
    } else if has(".rbr_dense.") {
        "a network of RepVGG blocks (YOLOv6 or YOLOv7)"
    } else if has(".proto.cv1.") {
        "a YOLOv5 segmentation network (models.yolo.SegmentationModel)"
    } else if head("linear.weight") && !head("m.") {
        "a classification network (models.yolo.ClassificationModel)"
    } else {
        return None;
    };
    Some(weights_error(format!("this is the checkpoint of {what}")).hint(WANTED))
}

/// The error that names a model by its class and the class of its last row.
pub(super) fn class(model: &str, head: Option<&str>) -> Option<Error> {
    let named = |what: &str| {
        let class = head.filter(|_| model == "DetectionModel" || model == "Model").unwrap_or(model);
        Some(weights_error(format!("this is {what} (models.yolo.{class})")).hint(WANTED))
    };
    match (model, head) {
        ("SegmentationModel", _) | (_, Some("Segment")) => named("a segmentation checkpoint"),
        ("ClassificationModel", _) | (_, Some("Classify")) => named("a classification checkpoint"),
        ("PoseModel", _) | (_, Some("Pose" | "IKeypoint")) => named("a pose checkpoint"),
        (_, Some("IDetect" | "IAuxDetect" | "IBin")) => named("a YOLOv7 checkpoint"),
        (_, Some("DDetect" | "DualDDetect" | "TripleDDetect" | "DualDetect" | "TripleDetect")) => {
            named("a YOLOv9 checkpoint")
        }
        (_, Some("v10Detect" | "OBB" | "RTDETRDecoder" | "WorldDetect")) => named("a checkpoint of a later YOLO"),
        _ => None,
    }
}

/// What wrote a class of this module, and what to do: for classes that the allow-list does not have.
pub(super) fn module(path: &str) -> Option<Error> {
    let top = path.split('.').next().unwrap_or_default();
    let what = match top {
        "ultralytics" => {
            return Some(
                weights_error(format!("the pickle names {path}: this is a checkpoint of a later YOLO, not of YOLOv5"))
                    .hint("YOLOv8 to YOLO11, and YOLOv5u, are saved so; give detection weights that YOLOv5's own train.py wrote"),
            );
        }
        "torchvision" => "a model of torchvision",
        "timm" => "a model of timm",
        "transformers" | "diffusers" | "sentence_transformers" => "a model of Hugging Face",
        "mmdet" | "mmyolo" | "mmcls" | "mmpretrain" | "mmseg" | "mmrotate" => "a model of OpenMMLab",
        "detectron2" => "a model of Detectron2",
        "yolox" => "a YOLOX model",
        "yolov6" => "a YOLOv6 model",
        "yolov3" | "darknet" => "a YOLOv3 model",
        "super_gradients" => "a YOLO-NAS model (super_gradients)",
        "segmentation_models_pytorch" => "a segmentation model (segmentation_models_pytorch)",
        "fastai" => "a learner of fastai",
        "__main__" => {
            return Some(
                weights_error(format!("the pickle names {path}: a class of the script that saved the file")).hint(
                    "nothing of it was run; save the weights alone: torch.save(model.state_dict(), 'weights.pt')",
                ),
            );
        }
        _ => return None,
    };
    Some(weights_error(format!("the pickle names {path}: this is {what}, not a YOLOv5 checkpoint")).hint(WANTED))
}

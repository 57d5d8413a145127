//! Modules of other families of networks: refused by what they are.

/// Names, and the family that they belong to.
const FAMILIES: [(&str, &[&str]); 5] = [
    (
        "a YOLOv8 to YOLO11 file",
        &[
            "C2f",
            "C2fAttn",
            "C2fCIB",
            "C2fPSA",
            "C2PSA",
            "C3k",
            "C3k2",
            "SCDown",
            "PSA",
            "PSABlock",
            "A2C2f",
            "DFL",
            "v10Detect",
            "OBB",
            "Pose",
            "WorldDetect",
            "YOLOEDetect",
            "ImagePoolingAttn",
            "TorchVision",
            "Index",
        ],
    ),
    ("a YOLOv9 file", &["RepNCSPELAN4", "ELAN1", "AConv", "ADown", "SPPELAN", "CBLinear", "CBFuse", "Silence"]),
    ("a YOLOv7 file", &["MP", "SP", "SPPCSPC", "RepConv", "ReOrg", "ELAN", "IDetect", "IAuxDetect", "Shortcut"]),
    ("an RT-DETR file", &["HGStem", "HGBlock", "RepC3", "AIFI", "RTDETRDecoder", "ResNetLayer"]),
    ("a YOLOv5 segmentation or classification file", &["Segment", "Classify", "Proto"]),
];

/// What a file with this module is, if it belongs to another family of networks.
pub(crate) fn refusal(name: &str) -> Option<String> {
    let (family, _) = FAMILIES.iter().find(|(_, names)| names.contains(&name))?;
    Some(format!("`{name}` makes this {family}; ghostdet runs YOLOv5's detection networks"))
}

//! Executors from outside: they run a detector's network in place of the CPU, if they pass its self-test.
#![cfg(feature = "decode")]

use ghostdet::detection::RawMap;
use ghostdet::detector::{DetectOptions, DetectorOptions, PredictOptions};
use ghostdet::engine::cpu::{CpuExecutor, Precision};
use ghostdet::engine::program::Program;
use ghostdet::engine::{DeviceInfo, DeviceKind, EngineOptions, Executor, Input, OpTime, Pending, Rows};
use ghostdet::image::Image;
use ghostdet::{Detector, ErrorKind};
use pollster::block_on;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Gives the CPU's maps with an offset, and counts its runs. It picks no candidates.
struct Offset {
    cpu: CpuExecutor,
    offset: f32,
    runs: Arc<AtomicUsize>,
}

impl Executor for Offset {
    fn info(&self) -> DeviceInfo {
        DeviceInfo { kind: DeviceKind::Gpu, name: "offset".to_owned(), ..self.cpu.info() }
    }

    fn maps<'a>(&'a self, program: &'a Program, input: Input<'a>, size: [usize; 2]) -> Pending<'a, Vec<RawMap>> {
        Box::pin(async move {
            self.runs.fetch_add(1, Relaxed);
            let mut maps = self.cpu.maps(program, input, size).await?;
            maps.iter_mut().flat_map(|map| &mut map.data).for_each(|value| *value += self.offset);
            Ok(maps)
        })
    }

    fn rows<'a>(&'a self, program: &'a Program, input: Input<'a>, size: [usize; 2]) -> Pending<'a, Rows> {
        self.cpu.rows(program, input, size)
    }

    fn profile<'a>(&'a self, program: &'a Program, input: Input<'a>, size: [usize; 2]) -> Pending<'a, Vec<OpTime>> {
        self.cpu.profile(program, input, size)
    }
}

fn detector(keep_source_weights: bool) -> Detector {
    let weights = std::fs::read("weights/yolov5n-ghost-backbone.safetensors").unwrap();
    let precision = Some(Precision::Float);
    Detector::load(&weights, &DetectorOptions { precision, keep_source_weights, ..DetectorOptions::default() }).unwrap()
}

fn offset(detector: &Detector, offset: f32) -> (Box<Offset>, Arc<AtomicUsize>) {
    let mut program = detector.engine().program_with_weights().unwrap().clone();
    let runs = Arc::new(AtomicUsize::new(0));
    let cpu = CpuExecutor::new(&mut program, &EngineOptions::in_floats());
    (Box::new(Offset { cpu, offset, runs: runs.clone() }), runs)
}

fn photo() -> Image {
    Image::decode(&std::fs::read("tests/samples/astronaut.jpg").unwrap()).unwrap()
}

#[test]
fn an_attached_executor_runs_the_network() {
    let (mut detector, photo) = (detector(true), photo());
    let expected = detector.detect(&photo, &DetectOptions::default()).unwrap().detections;
    assert!(!expected.is_empty());
    let (executor, runs) = offset(&detector, 0.0);
    let test = detector.self_test(64).unwrap();
    block_on(detector.attach(executor, &test)).unwrap();
    let before = runs.load(Relaxed);
    assert_eq!(detector.detect(&photo, &DetectOptions::default()).unwrap().detections, expected);
    assert_eq!((runs.load(Relaxed), detector.engine().executor().info().name.as_str()), (before + 1, "offset"));
    detector.predict(&photo, &PredictOptions { on_cpu: true, ..PredictOptions::default() }).unwrap();
    assert_eq!(runs.load(Relaxed), before + 1, "the CPU was asked for");
    detector.detach();
    assert_eq!(detector.detect(&photo, &DetectOptions::default()).unwrap().detections, expected);
    assert_eq!((runs.load(Relaxed), detector.engine().executor().info().kind), (before + 1, DeviceKind::Cpu));
}

#[test]
fn an_executor_that_computes_wrong_results_is_refused() {
    let mut detector = detector(true);
    let (executor, _) = offset(&detector, 1.0);
    let test = detector.self_test(64).unwrap();
    let error = block_on(detector.attach(executor, &test)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Device);
    assert!(error.to_string().contains("offset"), "{error}");
    assert_eq!(detector.engine().executor().info().kind, DeviceKind::Cpu);
}

#[test]
fn without_source_weights_no_executor_can_be_made() {
    let detector = detector(false);
    assert_eq!(detector.engine().program_with_weights().unwrap_err().kind(), ErrorKind::Device);
    assert!(!detector.detect(&photo(), &DetectOptions::default()).unwrap().detections.is_empty());
}

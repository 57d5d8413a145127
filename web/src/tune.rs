//! What a network takes here, on the CPU and in all ways on the GPU.

use ghostdet::detection::DETECT_FLOOR;
use ghostdet::detector::SelfTest;
use ghostdet::engine::gpu::{Gpu, Tuning};
use ghostdet::picture::Picture;
use ghostdet::{Detector, Error, ErrorKind, Result};

/// Runs of each in a comparison; the best counts.
const RUNS: usize = 3;

/// A GPU that takes so many times what the CPU takes is not tried in other ways.
const HOPELESS: f64 = 4.0;

fn grey(side: usize) -> Result<Picture> {
    Picture::new(side, side, vec![114; side * side * 3])
}

/// Milliseconds of the network on the CPU, the best of a few.
pub fn cpu_time(detector: &Detector, side: usize) -> Result<f64> {
    let (grey, mut best) = (grey(side)?, f64::INFINITY);
    for _ in 0..RUNS {
        best = best.min(detector.predict_above(&grey, Some([side; 2]), true, DETECT_FLOOR)?.speed.network);
    }
    Ok(best)
}

/// Milliseconds of the network on the GPU, the best of a few, and how it got there; the network stays on the GPU that
/// way. Ways that compute wrongly there are left out. `cpu`: what the CPU takes, if that matters.
pub async fn tune(detector: &mut Detector, gpu: &Gpu, side: usize, cpu: Option<f64>) -> Result<(f64, Tuning)> {
    let (grey, test) = (grey(side)?, detector.self_test(side)?);
    let mut best: Option<(f64, Tuning)> = None;
    let mut failed = None;
    let mut attached = None;
    let mut candidates = Tuning::candidates(gpu.software, gpu.f16());
    candidates.reverse();
    let mut varied = 0;
    loop {
        // The best of them is varied: once, and the better one once more.
        let tuning = match (candidates.pop(), best) {
            (Some(tuning), _) => tuning,
            (None, Some((_, tuning))) if varied < tuning.variants().len() => {
                varied += 1;
                tuning.variants()[varied - 1]
            }
            _ => break,
        };
        let took = match time(detector, gpu, tuning, &test, &grey).await {
            Ok(took) => took,
            Err(error) => {
                gpu.check()?;
                failed = Some(error);
                continue;
            }
        };
        attached = Some(tuning);
        if best.is_none_or(|(least, _)| took < least) {
            best = Some((took, tuning));
        }
        if cpu.is_some_and(|cpu| took > HOPELESS * cpu) {
            break;
        }
    }
    let Some((took, tuning)) = best else {
        return Err(failed.unwrap_or_else(|| Error::new(ErrorKind::Device, "no way to run was tried")));
    };
    if attached != Some(tuning) {
        detector.attach_gpu_tuned(gpu, tuning, &test).await?;
    }
    Ok((took, tuning))
}

/// Milliseconds of the network on the GPU with these tiles, once they are known to compute the right thing.
async fn time(detector: &mut Detector, gpu: &Gpu, tuning: Tuning, test: &SelfTest, grey: &Picture) -> Result<f64> {
    detector.attach_gpu_tuned(gpu, tuning, test).await?;
    let size = Some([grey.height, grey.width]);
    let mut best = f64::INFINITY;
    for _ in 0..RUNS {
        best = best.min(detector.predict_on_gpu(grey, size, true, DETECT_FLOOR).await?.speed.network);
    }
    Ok(best)
}

//! Allocator settings for the large tensors of training.

/// Largest threshold that glibc accepts.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGEST: i32 = 32 << 20;

/// Keeps freed memory instead of giving it back to the system. Every step frees and takes the same tensors of tens of
/// megabytes; with glibc's defaults each of them is mapped, zeroed and unmapped again, which took a quarter of the time.
/// For the whole process; elsewhere than with glibc it does nothing.
pub fn tune_malloc() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: mallopt sets numbers of the allocator under its own lock.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGEST);
        libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
        libc::mallopt(libc::M_TOP_PAD, 2 * LARGEST);
    }
}

//! The `pipeline` program: all of it is in the library.

/// A run makes and drops some hundred small texts for every step, on two threads, after a load that has left gaps
/// everywhere: docs/decisions/0005 has the figures.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    pipeline::cli::main()
}

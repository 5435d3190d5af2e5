// How the single-file executable is compiled: one list for the build, the end-to-end tests and the benchmarks.

export const COMPILE_FLAGS: readonly string[] = [
  "--compile",
  "--minify",
  "--bytecode",
  // A chunk for each command: the agent holds none of the others (17 MB less), and every start reads less.
  "--format=esm",
  "--splitting",
  "--sourcemap=none",
  // A daemon compiles little and late: 10 MB less. The other commands ask for the ordinary policy when they start.
  "--compile-jit-policy=100",
  // Every entry lies inside under its path in this repository, whichever they are; the build starts in its root.
  "--root=.",
  // What lies in the folder it is started from is none of its business.
  "--no-compile-autoload-dotenv",
  "--no-compile-autoload-bunfig",
];

/** Threads that the executable starts, from the repository's root: each is an entry of its own. */
export const THREAD_ENTRIES: readonly string[] = ["src/drivers/datapath-worker.ts"];

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
  // What lies in the folder it is started from is none of its business.
  "--no-compile-autoload-dotenv",
  "--no-compile-autoload-bunfig",
];

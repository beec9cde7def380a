// Like lifeline.py, for Node (`node --require`): the process ends when its standard input does.
process.stdin.resume().on("end", () => process.exit(0));
process.stdin.unref(); // so that this alone does not keep the process running

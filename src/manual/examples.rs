//! What the long help of every subcommand shows: how it is called, and when.

/// Two lines an example: what to type, and, indented, what that does. A test of the documentation parses them all.
const EXAMPLES: &str = include_str!("examples.txt");

/// The examples of all subcommands, in the order of their file: what to type, and what that does.
pub fn each_example() -> impl Iterator<Item = (&'static str, &'static str)> {
    let mut lines = EXAMPLES.lines();
    std::iter::from_fn(move || Some((lines.next()?, lines.next()?.trim_start())))
}

/// The examples of a subcommand, as its long help shows them.
pub fn examples(name: &str) -> Option<String> {
    let its = each_example().filter(|(typed, _)| typed.split(' ').nth(1) == Some(name));
    let lines: Vec<String> = its.map(|(typed, does)| format!("  {typed}\n      {does}")).collect();
    (!lines.is_empty()).then(|| format!("Examples:\n{}", lines.join("\n")))
}

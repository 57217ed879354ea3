//! The colours of the page can be told apart: contrasts as WCAG 2 reckons them, computed from the style
//! sheet, in light, in dark and on paper.

use std::collections::BTreeMap;

use super::STYLE;

/// What is written, and on what.
const TEXTS: [&str; 6] = ["ink", "muted", "link", "good", "attention", "bad"];
const GROUNDS: [&str; 5] = ["paper", "raised", "good-bg", "attention-bg", "bad-bg"];
/// What the charts draw with, and on what.
const SHAPES: [&str; 7] = ["rotated", "already", "plain", "null", "gone", "failed", "attention"];
const BEHIND_SHAPES: [&str; 2] = ["paper", "raised"];

/// WCAG 2.2, AA: for text of any size, and for what a chart is read by.
const TEXT: f64 = 4.5;
const SHAPE: f64 = 3.0;

type Colours<'a> = BTreeMap<&'a str, [f64; 3]>;

/// The colours of each `:root` of the style sheet: light, dark, paper.
fn palettes() -> Vec<Colours<'static>> {
    let blocks = STYLE.split(":root {").skip(1).filter_map(|rest| rest.split('}').next());
    let named = |declaration: &'static str| {
        let (name, value) = declaration.trim().strip_prefix("--")?.split_once(": #")?;
        Some((name, rgb(value)))
    };
    blocks.map(|block| block.split(';').filter_map(named).collect()).collect()
}

fn rgb(digits: &str) -> [f64; 3] {
    let width = digits.len() / 3;
    let part = |at: usize| {
        let part = digits[at * width..(at + 1) * width].repeat(2 / width);
        f64::from(u8::from_str_radix(&part, 16).unwrap()) / 255.0
    };
    [part(0), part(1), part(2)]
}

/// The relative luminance of a colour of sRGB.
fn luminance(rgb: [f64; 3]) -> f64 {
    let linear = |part: f64| match part {
        low if low <= 0.04045 => low / 12.92,
        high => ((high + 0.055) / 1.055).powf(2.4),
    };
    let [red, green, blue] = rgb.map(linear);
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let (one, other) = (luminance(one) + 0.05, luminance(other) + 0.05);
    one.max(other) / one.min(other)
}

#[test]
fn contrasts_are_reckoned_as_the_standard_has_it() {
    assert!((contrast(rgb("fff"), rgb("000")) - 21.0).abs() < 0.001);
    assert!((contrast(rgb("777777"), rgb("ffffff")) - 4.478).abs() < 0.001, "the example of many");
    assert!((contrast(rgb("abc"), rgb("aabbcc")) - 1.0).abs() < 0.001);
}

#[test]
fn every_text_and_every_shape_can_be_told_from_what_is_behind_it() {
    let palettes = palettes();
    assert_eq!(palettes.len(), 3, "light, dark, paper");
    let mut faint = Vec::new();
    for (palette, which) in palettes.iter().zip(["light", "dark", "paper"]) {
        let mut check = |fronts: &[&str], behind: &[&str], least: f64| {
            for (front, ground) in fronts.iter().flat_map(|front| behind.iter().map(move |on| (front, on))) {
                let found = contrast(palette[front], palette[ground]);
                if found < least {
                    faint.push(format!("{which}: {front} on {ground}: {found:.2}, less than {least}"));
                }
            }
        };
        check(&TEXTS, &GROUNDS, TEXT);
        check(&["paper"], &["good", "attention", "bad"], TEXT); // the mark in the header
        check(&SHAPES, &BEHIND_SHAPES, SHAPE);
    }
    assert!(faint.is_empty(), "{}", faint.join("\n"));
}

/// Whatever is drawn or written takes its colour from those: a new one is measured, too.
#[test]
fn no_other_colour_is_in_the_style_sheet() {
    let known: Vec<&str> = TEXTS.into_iter().chain(GROUNDS).chain(SHAPES).chain(["line"]).collect();
    for palette in palettes() {
        assert!(palette.keys().all(|name| known.contains(name)), "{:?}", palette.keys());
    }
    let rules = STYLE.split_once("* { box-sizing").unwrap().1;
    let on_screen = rules.split("@media print").next().unwrap();
    assert!(!on_screen.contains('#') && !on_screen.contains("rgb("), "a colour has no name");
}

//! The borders of docs/architecture.md, read from the source.

use std::{
    fs,
    path::{Path, PathBuf},
};

pub fn files(dir: &str, ending: &str) -> Vec<PathBuf> {
    fn walk(dir: &Path, ending: &str, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, ending, found);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join(dir), ending, &mut found);
    found.sort();
    found
}

fn name(path: &Path) -> String {
    path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().to_string_lossy().into_owned()
}

#[test]
fn queries_stand_only_in_stores_queries_and_db() {
    for path in files("src", ".rs") {
        let text = fs::read_to_string(&path).unwrap();
        let name = name(&path);
        let may = name.starts_with("src/db/")
            || name.ends_with("store.rs")
            || name.ends_with("queries.rs")
            || name == "src/catalogue/load.rs";
        assert!(may || !text.contains("sqlx::query"), "{name} has a query");
    }
}

#[test]
fn no_file_is_too_long_and_every_file_says_what_it_is() {
    for path in files("src", ".rs") {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//!"), "{} has no opening line", name(&path));
        assert!(text.lines().count() <= 500, "{} has {} lines", name(&path), text.lines().count());
    }
}

#[test]
fn contexts_depend_only_downwards() {
    // A context may use those after it; db, http, audit, calendar, text, ids and app are for all.
    let order = [
        "account",
        "outbox",
        "orders",
        "mandates",
        "applications",
        "agreements",
        "organisation",
        "contacts",
        "notices",
        "catalogue",
        "identity",
    ];
    for (at, context) in order.iter().enumerate() {
        for path in files(&format!("src/{context}"), ".rs") {
            let text = fs::read_to_string(&path).unwrap();
            for above in &order[..at] {
                assert!(!text.contains(&format!("crate::{above}")), "{} uses {above}", name(&path));
                let grouped = text.lines().any(|line| line.trim_start().starts_with(&format!("{above}::")));
                assert!(!grouped, "{} uses {above}", name(&path));
            }
        }
    }
}

#[test]
fn nothing_unwraps_and_only_the_clock_reads_the_clock() {
    for path in files("src", ".rs") {
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        let name = name(&path);
        assert!(!code.contains(".unwrap()") && !code.contains(".expect("), "{name} unwraps");
        assert!(name == "src/clock.rs" || !code.contains("now_utc"), "{name} reads the clock");
        assert!(name == "src/config.rs" || !code.contains("env::var"), "{name} reads the environment");
        assert!(!code.contains("TODO") && !code.contains("FIXME"), "{name} leaves something to do");
    }
}

#[test]
fn templates_have_no_inline_script_or_style_and_nothing_unescaped() {
    for path in files("templates", ".html") {
        let text = fs::read_to_string(&path).unwrap();
        let name = name(&path);
        assert!(!text.contains("|safe") && !text.contains("| safe"), "{name}");
        if name.starts_with("templates/mail/") {
            continue; // mail clients read no style sheets
        }
        for mark in ["<style", " style=", "<script>", " onclick", " onload", "javascript:"] {
            assert!(!text.contains(mark), "{name} has {mark}");
        }
    }
}

#[test]
fn every_template_is_used_once() {
    let sources: String = files("src", ".rs").iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let templates: String =
        files("templates", ".html").iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    for path in files("templates", "") {
        let short = name(&path).trim_start_matches("templates/").to_owned();
        let named = sources.matches(&format!("\"{short}\"")).count();
        let included = templates.matches(&format!("\"{short}\"")).count();
        assert!(
            named == 1 || (named == 0 && included > 0),
            "{short}: named {named} times, included {included}"
        );
    }
}

#[test]
fn static_files_are_small_and_ours() {
    let css: u64 = files("static/css", ".css").iter().map(|path| path.metadata().unwrap().len()).sum();
    assert!(css < 60_000, "{css}");
    assert!(
        files("static/js", ".js").iter().map(|path| path.metadata().unwrap().len()).sum::<u64>() < 12_000
    );
}

#[test]
fn colours_of_text_stand_out_in_both_themes() {
    let css =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("static/css/00-tokens.css")).unwrap();
    let token = |name: &str, dark: bool| {
        let mark = format!("--kp-{name}: light-dark(");
        let value = css
            .split(&mark)
            .nth(1)
            .unwrap_or_else(|| panic!("no {name}"))
            .split(')')
            .next()
            .unwrap()
            .to_owned();
        let value =
            value.split(',').nth(usize::from(dark)).unwrap().trim().trim_start_matches('#').to_owned();
        let channel = |at: usize| f64::from(u8::from_str_radix(&value[at..at + 2], 16).unwrap()) / 255.0;
        let linear = |c: f64| if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) };
        0.2126 * linear(channel(0)) + 0.7152 * linear(channel(2)) + 0.0722 * linear(channel(4))
    };
    let pairs = [
        ("text", "page"),
        ("text", "surface"),
        ("text-muted", "page"),
        ("text-muted", "surface"),
        ("text-muted", "sunken"),
        ("link", "surface"),
        ("link", "page"),
        ("on-primary", "primary"),
        ("info-text", "info-bg"),
        ("ok-text", "ok-bg"),
        ("warn-text", "warn-bg"),
        ("danger-text", "danger-bg"),
        ("danger-text", "surface"),
        ("neutral-text", "neutral-bg"),
        ("on-danger", "danger-solid"),
        ("text", "warn-bg"),
        ("text", "info-bg"),
        ("text", "ok-bg"),
    ];
    for dark in [false, true] {
        for (text, ground) in pairs {
            let (a, b) = (token(text, dark), token(ground, dark));
            let ratio = (a.max(b) + 0.05) / (a.min(b) + 0.05);
            assert!(ratio >= 4.5, "{text} on {ground}, dark {dark}: {ratio:.2}");
        }
        let (border, surface) = (token("border-strong", dark), token("surface", dark));
        assert!((border.max(surface) + 0.05) / (border.min(surface) + 0.05) >= 3.0);
    }
}

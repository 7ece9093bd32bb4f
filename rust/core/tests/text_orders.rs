//! Measures which lists of steps are idempotent, and holds the policy compiler to it.
//!
//! Every list that a policy could name is tried: those that are refused are exactly those for which a second pass
//! changes some text. What cannot be tried, since texts are endless, rests on facts about single code points; the proof
//! from them is in docs/policy/text.md, and they are checked here for all of them.

use std::sync::LazyLock;

use crossfade_core::Policy;
use crossfade_core::field::text::{Step, Text, clash};
use crossfade_core::field::{Answer, Op, Scalar};
use crossfade_core::unicode::{self, Folded, fold, is_bidi_control, is_control, is_default_ignorable, is_white_space};
use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;

use Step::{AsciiLower, AsciiUpper, Fold, Nfc, Nfkc, StripBidi, StripInvisible};

const FORMS: [Step; 2] = [Nfc, Nfkc];
const CASES: [Step; 3] = [Fold, AsciiLower, AsciiUpper];
const STRIPS: [Step; 2] = [StripBidi, StripInvisible];

/// Texts that some list changes again: each shows what one step leaves for another.
const WITNESSES: [&str; 32] = [
    "a  b",
    " a ",
    "\u{a8}",
    "a \u{a8}",
    "\u{a8} a",
    " \u{a8}",
    "\u{200e} a",
    "a \u{200e}",
    " \u{200e} ",
    "a \u{200e} b",
    "e\u{200e}\u{301}",
    "H\u{331}",
    "h\u{331}",
    "i\u{307}",
    "I\u{307}",
    "\u{212a}",
    "k\u{212a}\u{301}",
    "\u{fb01}",
    "\u{1d400}",
    "\u{1f80}\u{313}",
    "\u{345}\u{301}",
    "a\u{345}",
    "\u{2000}\u{301}",
    "\u{df}",
    "\u{130}",
    "\u{149}",
    "\u{3164}",
    "\u{ffa0}\u{1161}",
    "\u{1e9b}\u{323}",
    "\u{3a3}\u{308}\u{301}",
    "\u{ac00}\u{200d}\u{11a8}",
    "\u{fdfa}",
];

/// Every list of steps that is not refused for repeating or contradicting itself.
fn lists() -> Vec<Vec<Step>> {
    let all = Step::NAMES.map(|(_, step)| step);
    let mut lists: Vec<Vec<Step>> = vec![Vec::new()];
    let mut done = 0;
    while done < lists.len() {
        let list = lists[done].clone();
        done += 1;
        for step in all {
            let group = [&FORMS[..], &CASES, &STRIPS].into_iter().find(|group| group.contains(&step));
            let clashing = list.iter().any(|earlier| {
                if *earlier == step {
                    !FORMS.contains(&step)
                } else {
                    group.is_some_and(|group| group.contains(earlier))
                }
            });
            let first = list.iter().position(|earlier| *earlier == step);
            let repeats = first.is_some_and(|first| {
                list[first + 1..].contains(&step) || !list[first..].iter().any(|between| CASES.contains(between))
            });
            if !clashing && !repeats {
                lists.push([&list[..], &[step]].concat());
            }
        }
    }
    lists.remove(0);
    lists
}

fn rule(steps: &[Step]) -> Op {
    Op::Text(Text { steps: steps.to_vec(), ..Text::default() })
}

/// Whether the rule finds nothing to do in its own result.
fn holds(rule: &Op, text: &str, buffers: &mut [String; 2]) -> bool {
    let [first, second] = buffers;
    first.clear();
    second.clear();
    match rule.apply(Scalar::String(text), first) {
        Answer::Same => true,
        Answer::String => rule.apply(Scalar::String(first), second) == Answer::Same,
        Answer::Unsupported("text.case") => false,
        answer => panic!("{answer:?} of {text:?}"),
    }
}

fn compiles(steps: &[Step]) -> bool {
    let names: Vec<_> = steps.iter().map(|step| format!("'{}'", step.name())).collect();
    let text = format!(
        "version = 1\n[[route]]\nname = 'r'\nmatch = 'POST /'\n[route.json]\noutput = 'python'\n[route.json.fields]\nf.text = [{}]\n",
        names.join(", ")
    );
    Policy::parse("f", &text).is_ok()
}

/// What the compiler refuses is what a witness shows to be no rule, and nothing else.
#[test]
fn exactly_the_lists_that_are_not_idempotent_are_refused() {
    let mut buffers = [String::new(), String::new()];
    let lists = lists();
    assert_eq!(lists.len(), 4_919);
    for list in lists {
        let rule = rule(&list);
        let witness = WITNESSES.iter().find(|text| !holds(&rule, text, &mut buffers));
        assert_eq!(compiles(&list), witness.is_none(), "{list:?}: {witness:?}");
        assert_eq!(clash(&list).is_none(), witness.is_none(), "{list:?}: {witness:?}");
    }
}

/// The text in a message is one that its two steps change again.
#[test]
fn the_text_that_is_shown_shows_it() {
    let mut buffers = [String::new(), String::new()];
    for list in lists().iter().filter(|list| list.len() == 2) {
        if let Some(clash) = clash(list) {
            assert!(!holds(&rule(list), clash.example, &mut buffers), "{list:?}");
            assert_eq!((clash.earlier, clash.at), (0, 1));
        }
    }
}

/// Every code point that a step touches – the others no list can touch –, alone and among others, in every short list
/// that is accepted.
#[test]
fn no_code_point_is_changed_twice() {
    let mut buffers = [String::new(), String::new()];
    let lists = lists();
    let of_length = |lengths: std::ops::Range<usize>| {
        let lists = lists.iter().filter(|list| lengths.contains(&list.len()) && clash(list).is_none());
        lists.map(|list| rule(list)).collect::<Vec<_>>()
    };
    let (steps, pairs, triples) = (of_length(1..2), of_length(2..3), of_length(3..4));
    assert_eq!((steps.len(), pairs.len(), triples.len()), (9, 42, 104));
    let mut touched = 0;
    for c in assigned() {
        let alone = String::from(c);
        buffers[0].clear();
        if steps.iter().all(|step| step.apply(Scalar::String(&alone), &mut buffers[0]) == Answer::Same) {
            continue;
        }
        touched += 1;
        for rule in steps.iter().chain(&pairs).chain(&triples) {
            assert!(holds(rule, &alone, &mut buffers), "{rule:?} {alone:?}");
        }
        let among = [format!(" {c}\u{313}"), format!("h{c}\u{331}"), format!("{c}\u{345}{c} ")];
        for (rule, text) in pairs.iter().flat_map(|rule| among.iter().map(move |text| (rule, text))) {
            assert!(holds(rule, text, &mut buffers), "{rule:?} {text:?}");
        }
    }
    assert!(touched > 6_000, "{touched}");
}

/// The pieces of which texts are made that find what single code points do not: marks, letters that compose in one case
/// only, what decomposes by compatibility, white space, what is invisible.
const PIECES: &str = "[ \t\u{a0}\u{a8}\u{2000}aAeEhHiIjJkKsStTwWyYß\u{149}\u{130}\u{131}\u{17f}\u{1c5}\u{1f0}\u{212a}\u{212b}\u{1e9b}\
    \u{3a3}\u{3b1}\u{3b9}\u{399}\u{3c5}\u{3a5}\u{390}\u{1f80}\u{1f97}\u{1fb3}\u{1fbe}\u{300}\u{301}\u{303}\u{304}\u{307}\u{308}\u{30a}\u{30c}\u{313}\u{314}\
    \u{323}\u{331}\u{342}\u{344}\u{345}\u{34f}\u{200b}\u{200d}\u{200e}\u{202e}\u{2065}\u{fe0f}\u{1100}\u{1161}\u{11a8}\u{ac00}\u{3164}\u{ffa0}\u{958}\
    \u{9c7}\u{9be}\u{fb01}\u{fdfa}\u{ff21}\u{1d400}\u{1d15f}]{1,9}";

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_is_changed_twice(which in any::<prop::sample::Index>(), text in PIECES) {
        static ACCEPTED: LazyLock<Vec<Vec<Step>>> =
            LazyLock::new(|| lists().into_iter().filter(|list| clash(list).is_none()).collect());
        let steps = which.get(&ACCEPTED);
        let text = text.replace('\u{2065}', "");
        prop_assert!(holds(&rule(steps), &text, &mut [String::new(), String::new()]), "{:?} {:?}", steps, text);
    }
}

/// The facts on which the proof for a form around a case step rests, and for folding before form C.
#[test]
fn foldings_are_canonically_closed() {
    for c in assigned() {
        let c = String::from(c);
        let of_folding: String = folding(&c).nfd().collect();
        assert_eq!(folding(&of_folding), of_folding, "{c:?}: the decomposed folding folds further");
        let decomposed: String = c.nfd().collect();
        if folding(&decomposed) == decomposed {
            assert_eq!(of_folding, decomposed, "{c:?}: nothing in it folds, but it does");
        }
        if c.nfkc().eq(c.chars()) {
            let compatible: String = folding(&c).nfkd().collect();
            assert_eq!(compatible, of_folding, "{c:?}: its folding is not compatible");
        }
        // So that nothing is left for ascii_upper before it.
        assert_eq!(c.nfc().any(|c| c.is_ascii_lowercase()), c.contains(|c: char| c.is_ascii_lowercase()), "{c:?}");
    }
}

/// What is removed does not come back, and only `nfkc` makes white space.
#[test]
fn no_step_makes_what_another_removes() {
    for c in assigned() {
        let single = String::from(c);
        for (what, made) in [("nfkc", single.nfkc().collect()), ("fold", folding(&single))] {
            let made: String = made;
            assert!(is_control(c) || !made.contains(is_control), "{what} of {c:?}");
            assert!(is_default_ignorable(c) || !made.contains(is_default_ignorable), "{what} of {c:?}");
            assert!(!made.contains(is_bidi_control) || is_bidi_control(c), "{what} of {c:?}");
        }
        let composed: String = single.nfc().collect();
        assert_eq!(composed.contains(is_white_space), is_white_space(c), "{c:?}");
        assert_eq!(folding(&single).contains(is_white_space), is_white_space(c), "{c:?}");
    }
}

fn folding(text: &str) -> String {
    let mut folded = String::new();
    for c in text.chars() {
        match fold(c) {
            Folded::Same => folded.push(c),
            Folded::One(one) => folded.push(one),
            Folded::Several(several) => folded.push_str(several),
        }
    }
    folded
}

/// All that Unicode 14.0 assigns, but for the separators, which are no business of `trim`.
fn assigned() -> impl Iterator<Item = char> {
    ('\0'..=char::MAX).filter(|&c| unicode::all_assigned(c.encode_utf8(&mut [0; 4])) && !unicode::is_separator(c))
}

//! A route's operations, one after the other: each as a route that does what the ones before it do, and one thing more.

use crossfade_core::policy::{
    Dots, Duplicates, FieldRule, HeadersPolicy, Languages, Params, PathCase, QueryPolicy, Route, RuleId, Sort,
    TargetPolicy, TrailingSlash, Unknown,
};
use crossfade_core::rollout::Rollout;

/// One operation.
pub struct Step {
    /// The part of the request.
    pub part: &'static str,
    /// What it does, in the policy's words; the path of its field in front, if it is one's.
    pub name: String,
    /// The route that does it.
    pub route: Route,
    /// The rule of a field that it is. Those do not see each other: each is run alone, against the same route before it.
    pub rule: Option<RuleId>,
}

/// The route that does nothing yet; [`steps`] begins with it.
pub fn nothing(route: &Route) -> Route {
    Route { target: None, host: None, headers: None, json: None, form: None, max_body: None, ..route.clone() }
}

/// The operations of a route in the order in which they act. Checks are watched, so that the steps after them can be seen.
pub fn steps(route: &Route) -> Vec<Step> {
    let mut list = List { steps: Vec::new(), current: nothing(route) };
    if let Some(target) = &route.target {
        path(&mut list, target);
        if let Some(policy) = &target.query {
            query(&mut list, policy);
        }
    }
    if route.host.is_some() {
        list.step("host", "normal form", |on| on.host.clone_from(&route.host));
    }
    if let Some(policy) = &route.headers {
        headers(&mut list, policy);
    }
    body(&mut list, route);
    list.steps
}

struct List {
    steps: Vec<Step>,
    current: Route,
}

impl List {
    fn step(&mut self, part: &'static str, name: impl Into<String>, change: impl FnOnce(&mut Route)) {
        let before = self.current.clone();
        change(&mut self.current);
        if self.current != before {
            self.steps.push(Step { part, name: name.into(), route: self.current.clone(), rule: None });
        }
    }
}

fn path(list: &mut List, full: &TargetPolicy) {
    list.step("path", "spelling", |on| {
        on.target = Some(TargetPolicy {
            max_bytes: full.max_bytes,
            backslash: full.backslash,
            encoded_reserved: full.encoded_reserved,
            encoded_special: full.encoded_special,
            params: Params::Keep,
            merge_slashes: false,
            dots: Dots::Keep,
            trailing_slash: TrailingSlash::Keep,
            case: PathCase::Keep,
            query: None,
        });
    });
    let mut target = |name: &str, change: &dyn Fn(&mut TargetPolicy)| {
        list.step("path", name, |on| on.target.as_mut().into_iter().for_each(change));
    };
    target("case", &|on| on.case = full.case);
    target("params", &|on| on.params = full.params);
    target("merge_slashes", &|on| on.merge_slashes = full.merge_slashes);
    target("dots", &|on| on.dots = full.dots);
    target("trailing_slash", &|on| on.trailing_slash = full.trailing_slash);
}

fn query(list: &mut List, full: &QueryPolicy) {
    let none = QueryPolicy {
        drop: Default::default(),
        allow: None,
        bad_triplet: full.bad_triplet,
        nul: full.nul,
        bare: full.bare,
        duplicates: Duplicates::Keep,
        expected: Default::default(),
        sort: Sort::No,
        space_as_plus: full.space_as_plus,
        max_params: None,
        max_name_bytes: full.max_name_bytes,
        max_value_bytes: full.max_value_bytes,
    };
    let mut query = |name: &str, change: &dyn Fn(&mut QueryPolicy)| {
        list.step("query", name, |on| {
            if let Some(target) = &mut on.target {
                change(target.query.get_or_insert(none.clone()));
            }
        });
    };
    query("spelling", &|_| {});
    query("drop", &|on| on.drop = full.drop.clone());
    query("allow", &|on| on.allow.clone_from(&full.allow));
    query("duplicates", &|on| on.duplicates = full.duplicates);
    query("required and default", &|on| on.expected = full.expected.clone());
    query("max_params", &|on| on.max_params = full.max_params);
    query("sort", &|on| on.sort = full.sort);
}

fn headers(list: &mut List, full: &HeadersPolicy) {
    list.step("headers", "lines", |on| {
        on.headers = Some(HeadersPolicy {
            check_framing: false,
            remove_hop_by_hop: false,
            refuse_duplicates: false,
            join: false,
            normalize_content_type: false,
            languages: Languages::Keep,
            required: 0,
            ..full.clone()
        });
    });
    let mut headers = |name: &str, change: &dyn Fn(&mut HeadersPolicy)| {
        list.step("headers", name, |on| on.headers.as_mut().into_iter().for_each(change));
    };
    headers("framing", &|on| on.check_framing = full.check_framing);
    headers("hop_by_hop", &|on| on.remove_hop_by_hop = full.remove_hop_by_hop);
    headers("duplicates", &|on| on.refuse_duplicates = full.refuse_duplicates);
    headers("join", &|on| on.join = full.join);
    headers("content_type", &|on| on.normalize_content_type = full.normalize_content_type);
    headers("accept_language", &|on| on.languages = full.languages.clone());
    headers("required", &|on| on.required = full.required);
}

/// Reading and writing, then each field's rule alone, then what no rule names.
fn body(list: &mut List, route: &Route) {
    list.step("body", "max_bytes", |on| on.max_body = route.max_body);
    list.step("body", "read and write", |on| {
        on.json.clone_from(&route.json);
        on.form.clone_from(&route.form);
        each_rule(on, |rule| rule.rollout = Rollout::Observe);
        keep_unknown(on);
    });
    let fields = route.json.iter().flat_map(|json| &json.fields).chain(route.form.iter().flat_map(|form| &form.fields));
    for field in fields {
        let mut alone = list.current.clone();
        each_rule(&mut alone, |rule| {
            if rule.id == field.id {
                rule.rollout = field.rollout;
            }
        });
        let operation = &route.rules[usize::from(field.id.0)].operation;
        let name = format!("{} {operation}", field.path);
        list.steps.push(Step { part: "body", name, route: alone, rule: Some(field.id) });
    }
    list.step("body", "unknown", |on| {
        if let (Some(on), Some(full)) = (&mut on.json, &route.json) {
            on.unknown = full.unknown;
        }
        if let (Some(on), Some(full)) = (&mut on.form, &route.form) {
            on.unknown = full.unknown;
        }
    });
}

fn each_rule(route: &mut Route, change: impl Fn(&mut FieldRule)) {
    route.json.iter_mut().flat_map(|json| &mut json.fields).for_each(&change);
    route.form.iter_mut().flat_map(|form| &mut form.fields).for_each(&change);
}

fn keep_unknown(route: &mut Route) {
    if let Some(json) = &mut route.json {
        json.unknown = Unknown::Keep;
    }
    if let Some(form) = &mut route.form {
        form.unknown = Unknown::Keep;
    }
}

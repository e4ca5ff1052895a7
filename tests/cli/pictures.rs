//! `pipeline plan --format svg`: a picture that stands by itself.

use crate::kit::Project;

/// Two stages side by side, one behind them, one of which a step waits for that; a name that is markup.
fn drawn() -> String {
    let project = Project::of(&[
        (
            "a.yaml",
            "stage: a\nsteps:\n  one: { shell: { run: 'true' }, name: '<script>&\"' }\n  two: { needs: [one], shell: { run: 'true' } }\n  \
             side: { during: [two], shell: { run: sleep 9, ready: { log: x } } }\nfinally: { last: { shell: { run: 'true' } } }\n\
             gate: [{ file: { path: a } }]\n",
        ),
        ("b.yaml", "stage: b\nsteps: { one: { shell: { run: 'true' } } }\n"),
        ("c.yaml", "stage: c\nneeds: [a, b]\nsteps: {}\n"),
        (
            "d.yaml",
            "stage: d\nsteps: { one: { shell: { run: 'true' } }, two: { needs: [c], shell: { run: 'true' } } }\n",
        ),
    ]);
    project.run(&["plan", "--format", "svg"]).ends(0, &[]).out
}

/// The elements of a picture: name and attributes. Panics where one is not closed, or not in its turn.
fn elements(svg: &str) -> Vec<(String, String)> {
    let (mut open, mut all) = (Vec::new(), Vec::new());
    for tag in svg.split('<').skip(1) {
        let tag = tag.split_once('>').expect("every tag ends").0;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
            continue;
        }
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        if !tag.ends_with('/') {
            open.push(name.to_owned());
        }
        all.push((name.to_owned(), attributes.to_owned()));
    }
    assert_eq!(open, Vec::<String>::new());
    all
}

fn area(attributes: &str) -> [u32; 4] {
    ["x", "y", "width", "height"].map(|name| {
        let (_, rest) = attributes.split_once(&format!("{name}=\"")).expect(name);
        rest.split('"').next().and_then(|number| number.parse().ok()).expect("a number")
    })
}

#[test]
fn every_stage_step_and_gate_has_its_box_and_none_is_on_another() {
    let elements = elements(&drawn());
    let boxes = |class: &str| -> Vec<[u32; 4]> {
        let class = format!("class=\"{class}\"");
        let of_class = elements.iter().filter(|(name, rest)| name == "rect" && rest.starts_with(&class));
        of_class.map(|(_, rest)| area(rest)).collect()
    };
    let (stages, nodes) = (boxes("stage"), [boxes("node"), boxes("gate"), boxes("node late")].concat());
    assert_eq!((stages.len(), boxes("node").len(), boxes("gate").len(), boxes("node late").len()), (4, 6, 1, 1));
    let apart = |[x, y, w, h]: &[u32; 4], [x2, y2, w2, h2]: &[u32; 4]| {
        x + w <= *x2 || x2 + w2 <= *x || y + h <= *y2 || y2 + h2 <= *y
    };
    for list in [&stages, &nodes] {
        for (at, one) in list.iter().enumerate() {
            assert!(list[at + 1..].iter().all(|other| apart(one, other)), "{list:?}");
        }
    }
    let within = |[x, y, w, h]: &[u32; 4], [x2, y2, w2, h2]: &[u32; 4]| {
        x2 <= x && y2 <= y && x + w <= x2 + w2 && y + h <= y2 + h2
    };
    assert!(nodes.iter().all(|node| stages.iter().any(|stage| within(node, stage))), "{nodes:?} in {stages:?}");
    assert!(stages[0][0] == stages[1][0] && stages[2][0] > stages[0][0], "c stands behind a and b: {stages:?}");
}

#[test]
fn every_line_leads_on_to_the_right() {
    let svg = drawn();
    for line in svg.split(" d=\"M").skip(2) {
        let path = line.split('"').next().unwrap_or_default();
        let number = |text: Option<&str>| text.and_then(|text| text.parse::<u32>().ok()).expect(path);
        let (from, to) = (number(path.split(' ').next()), number(path.rsplit(' ').nth(1)));
        assert!(from < to, "{path}");
    }
}

#[test]
fn names_are_text_and_nothing_is_loaded() {
    let svg = drawn();
    assert!(svg.contains("one: &lt;script&gt;&amp;&quot;"), "{svg}");
    assert!(!svg.contains("<script") && !svg.contains("href") && svg.matches("http").count() == 1, "{svg}");
    assert!(svg.contains("prefers-color-scheme:dark"));
    let lines = |class: &str| svg.matches(&format!("<path class=\"{class}\" ")).count();
    assert_eq!((lines("wide"), lines("during")), (3, 1), "{svg}");
}

//! A cluster that the pipeline creates itself: from nothing to nothing.

use std::os::unix::process::CommandExt;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::stand::{ClusterFixture, Provider};

/// Up, up again, load, load again, stopped, started, down, down again.
pub fn whole_life(provider: Provider) {
    let stand = ClusterFixture::new(provider, "life");
    let up = stand.up("");
    stand.run(&[&up]).ends(0);
    let identity = stand.identity();
    assert_eq!(stand.running().len(), 1);

    stand.run(&[&up]).ends(0);
    assert_eq!(stand.identity(), identity);

    let image = format!("{}:one", stand.cluster);
    let load = format!("image: {{ load: {{ image: \"{image}\" }} }}");
    stand.image(&image, "first");
    stand.run(&[&load]).ends(0);
    let loaded = stand.images();
    assert!(loaded.contains(&stand.cluster) && loaded.contains(&stand.image_id(&image)), "{loaded}");
    stand.run(&[&load]).ends(0);
    assert_eq!(stand.images(), loaded);
    // The same name with another content replaces it.
    stand.image(&image, "second");
    stand.run(&[&load]).ends(0);
    assert!(stand.images().contains(&stand.image_id(&image)));

    stand.stop();
    assert!(stand.running().is_empty());
    stand.run(&[&up]).ends(0);
    assert_eq!(stand.identity(), identity);

    stand.run(&["cluster: { down: {} }"]).ends(0);
    assert!(stand.nodes().is_empty(), "{:?}", stand.nodes());
    stand.run(&["cluster: { down: {} }"]).ends(0);
}

/// The creation is killed while its node starts: the next `up` gives a cluster that works, or says what is wrong.
pub fn half_created(provider: Provider) {
    let stand = ClusterFixture::new(provider, "half");
    let mut create = stand.command(stand.program());
    create.args(stand.create_args()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    let mut create = create.spawn().expect("started");
    stand.wait_for_a_node();
    let group = Pid::from_child(&create);
    kill_process_group(group, Signal::KILL).expect("killed");
    create.wait().expect("ended");

    let up = stand.run(&[&stand.up("")]);
    if up.code == 0 {
        assert!(!stand.identity().is_empty());
    } else {
        up.names(&stand.cluster);
        assert!([1, 3].contains(&up.code), "{}", up.text);
    }
}

/// The image is not in Docker, or the node's runtime does not run: the step fails, and the image is not in the cluster.
pub fn load_that_fails(provider: Provider) {
    let stand = ClusterFixture::new(provider, "load");
    stand.create();
    let absent = format!("image: {{ load: {{ image: \"{}:absent\" }} }}", stand.cluster);
    let said = stand.run(&[&absent]);
    assert!([1, 3].contains(&said.code), "{}", said.text);

    let image = format!("{}:two", stand.cluster);
    stand.image(&image, "text");
    let node = stand.nodes().pop().expect("a node");
    stand.asks("docker", &["exec", &node, "systemctl", "stop", "containerd"]);
    let said = stand.run(&[&format!("image: {{ load: {{ image: \"{image}\" }} }}")]);
    assert!([1, 3].contains(&said.code), "{}", said.text);
    stand.asks("docker", &["exec", &node, "systemctl", "start", "containerd"]);
}

/// An addon that exists is enabled, with `up` and alone; one that does not exist fails the step, in less than its time.
pub fn addons() {
    let stand = ClusterFixture::new(Provider::Minikube, "addons");
    stand.run(&[&stand.up(", addons: [metrics-server]")]).ends(0);
    let list = || stand.asks("minikube", &["addons", "list", "--profile", &stand.cluster, "--output", "json"]);
    let enabled = |list: String, addon: &str| {
        let list: serde_json::Value = serde_json::from_str(&list).expect("JSON");
        list[addon]["Status"] == "enabled"
    };
    assert!(enabled(list(), "metrics-server"));
    assert!(!enabled(list(), "storage-provisioner-rancher"));
    stand.run(&["cluster: { addons: [no-such-addon] }"]).ends(1).names("no-such-addon");
    stand.run(&[&stand.up(", addons: [metrics-server, no-such-addon]")]).ends(1).names("no-such-addon");
    stand.run(&["cluster: { addons: [metrics-server] }"]).ends(0);
}

//! A Kubernetes API that fails in every way a real one does; served by the test itself, over plain HTTP.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

/// A request, and how often the same was asked before.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub before: usize,
}

/// What is answered.
pub enum Reply {
    /// What a healthy server says.
    Well,
    /// A status with a header and a message.
    Refuse(u16, &'static str, &'static str),
    /// The healthy answer, after this time.
    Slow(Duration),
    /// The beginning of an answer, then the end of the connection.
    Torn,
    /// No answer but the end of the connection.
    Reset,
    /// A status with a JSON body.
    Say(u16, String),
    /// These bytes as a JSON body.
    Garbage(&'static str),
}

/// The server; ends with the test.
pub struct Api {
    pub port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Api {
    /// Answers what `answer` decides.
    pub fn new(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&asked), Arc::new(answer));
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                std::thread::spawn(move || serve(socket, &log, answer.as_ref()));
            }
        });
        Api { port, asked }
    }

    /// How often something was asked: `PATCH /api/v1/namespaces/todo/configmaps/a`.
    pub fn count(&self, what: &str) -> usize {
        self.asked.lock().expect("no panic").iter().filter(|asked| asked.as_str() == what).count()
    }

    /// A kubeconfig whose only context, `fake`, is this server; with more for its user.
    pub fn kubeconfig(&self, user: &Value) -> String {
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "fake",
            "clusters": [{"name": "fake", "cluster": {"server": format!("http://127.0.0.1:{}", self.port)}}],
            "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "me"}}],
            "users": [{"name": "me", "user": user}],
        })
        .to_string()
    }
}

fn serve(socket: TcpStream, log: &Mutex<Vec<String>>, answer: &(dyn Fn(&Asked) -> Reply + Send + Sync)) {
    let mut reader = BufReader::new(socket.try_clone().expect("a socket"));
    let mut socket = socket;
    while let Some((method, path, accept, body)) = read(&mut reader) {
        let line = format!("{method} {}", path.split('?').next().unwrap_or_default());
        let before = {
            let mut log = log.lock().expect("no panic");
            log.push(line.clone());
            log.iter().filter(|asked| **asked == line).count() - 1
        };
        let plain = path.split('?').next().unwrap_or_default().to_owned();
        let reply = answer(&Asked { method: method.clone(), path: plain, before });
        if let Reply::Slow(time) = reply {
            std::thread::sleep(time);
        }
        let well = healthy(&method, &path, &accept, &body);
        let (status, header, body) = match reply {
            Reply::Well | Reply::Slow(_) => (well.0, String::new(), well.1),
            Reply::Refuse(status, header, message) => {
                let said = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status,
                    "message": message, "reason": ""});
                (status, header.to_owned(), said.to_string())
            }
            Reply::Say(status, body) => (status, String::new(), body),
            Reply::Garbage(text) => (200, String::new(), text.to_owned()),
            Reply::Torn => {
                let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"kind\":");
                return;
            }
            Reply::Reset => return,
        };
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{header}content-length: {}\r\n\r\n",
            body.len()
        );
        if socket.write_all(head.as_bytes()).and_then(|()| socket.write_all(body.as_bytes())).is_err() {
            return;
        }
    }
}

/// A request's method, path, `Accept` and body; `None` at the end of the connection.
fn read(reader: &mut BufReader<TcpStream>) -> Option<(String, String, String, Vec<u8>)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((method, path, headers.remove("accept").unwrap_or_default(), body))
}

/// What a server with ConfigMaps and nothing else says.
fn healthy(method: &str, path: &str, accept: &str, body: &[u8]) -> (u16, String) {
    let plain = path.split('?').next().unwrap_or_default();
    let kind = |plural: &str, singular: &str, kind: &str| {
        json!({"resource": plural, "singularResource": singular, "scope": "Namespaced", "responseKind": {"kind": kind},
            "verbs": ["get", "list", "patch", "watch"]})
    };
    let said = match (method, plain) {
        (_, "/version") => {
            json!({"major": "1", "minor": "34", "gitVersion": "v1.34.0", "gitCommit": "", "gitTreeState": "",
            "buildDate": "", "goVersion": "", "compiler": "", "platform": ""})
        }
        (_, "/api") if accept.contains("as=APIGroupDiscoveryList") => {
            json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {},
                "items": [{"metadata": {}, "versions": [{"version": "v1", "freshness": "Current",
                    "resources": [kind("configmaps", "configmap", "ConfigMap")]}]}]})
        }
        (_, "/apis") => json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {},
            "items": []}),
        ("PATCH", _) => {
            let sent: Value = serde_json::from_slice(body).unwrap_or_default();
            json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
                "metadata": {"name": sent["metadata"]["name"], "namespace": "todo", "resourceVersion": "1", "uid": "u"}})
        }
        _ => {
            let missing = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404,
                "reason": "NotFound", "message": format!("{plain} not found")});
            return (404, missing.to_string());
        }
    };
    (200, said.to_string())
}

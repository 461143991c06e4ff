//! The dashboard in a real browser, which is spoken to by the Chrome DevTools Protocol.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use integration::engine::skip;
use integration::scenario::stack;
use integration::{Background, Curl, eventually, free_port, run};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// Width of the smallest telephone that counts.
const NARROW: u32 = 360;

const ROUTES: &str = "http:
  routers:
    app: {rule: 'Host(`app.test`) && PathPrefix(`/a-rather-long-path-that-has-to-be-broken-somewhere`)', service: app, entryPoints: [web]}
    hidden: {rule: 'Host(`app.test`) && PathPrefix(`/a-rather-long-path-that-has-to-be-broken-somewhere/x`)', service: app, entryPoints: [web], priority: 1}
    broken: {rule: 'Hst(`app.test`)', service: app, entryPoints: [web]}
  services:
    app: {loadBalancer: {servers: [{url: 'http://127.0.0.1:1'}], healthCheck: {path: /, interval: 1s}}}
";

/// The browser that is installed, by the names that distributions give it.
fn browser() -> Option<&'static str> {
    ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|name| Command::new(name).arg("--version").output().is_ok_and(|done| done.status.success()))
}

struct Page {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    number: u64,
    /// What the browser has complained about.
    complaints: Vec<String>,
}

impl Page {
    async fn open(port: u16) -> Self {
        let list = run(Command::new("curl").args(["--silent", &format!("http://127.0.0.1:{port}/json/list")])).stdout;
        let list: Value = serde_json::from_str(&list).unwrap();
        let page = list.as_array().unwrap().iter().find(|target| target["type"] == "page").unwrap();
        let address = page["webSocketDebuggerUrl"].as_str().unwrap();
        let (socket, _) = tokio_tungstenite::connect_async(address).await.unwrap();
        Self { socket, number: 0, complaints: Vec::new() }
    }

    async fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.number += 1;
        let number = self.number;
        let call = json!({ "id": number, "method": method, "params": parameters });
        self.socket.send(Message::text(call.to_string())).await.unwrap();
        loop {
            let message = self.socket.next().await.unwrap().unwrap();
            let said: Value = serde_json::from_str(message.to_text().unwrap_or("null")).unwrap_or_default();
            match said["method"].as_str() {
                Some("Log.entryAdded") => self.complaints.push(said["params"]["entry"]["text"].to_string()),
                Some("Runtime.exceptionThrown") => self.complaints.push(said["params"].to_string()),
                _ => {}
            }
            if said["id"] == number {
                assert!(said["error"].is_null(), "{method}: {said}");
                return said["result"].clone();
            }
        }
    }

    async fn ask(&mut self, expression: &str) -> Value {
        let answer = self.call("Runtime.evaluate", json!({ "expression": expression, "returnByValue": true })).await;
        answer["result"]["value"].clone()
    }

    async fn until(&mut self, what: &str, expression: &str) {
        let limit = tokio::time::Instant::now() + Duration::from_secs(30);
        while self.ask(expression).await != json!(true) {
            let page = self.ask("document.body.innerText").await;
            assert!(tokio::time::Instant::now() < limit, "{what}: not in time; {page}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn resize(&mut self, width: u32) {
        let size = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.call("Emulation.setDeviceMetricsOverride", size).await;
    }
}

#[test]
fn the_dashboard_works_in_a_browser() {
    let Some(browser) = browser() else {
        return skip("the_dashboard_works_in_a_browser", "there is no chromium");
    };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("dynamic.yml"), ROUTES).unwrap();
    let (web, api) = (free_port(), free_port());
    let mut command = Command::new(stack());
    command.current_dir(folder.path()).args([
        "gateway",
        &format!("--entrypoints.web.address=127.0.0.1:{web}"),
        &format!("--entrypoints.traefik.address=127.0.0.1:{api}"),
        "--providers.file.filename=dynamic.yml",
        "--api.insecure",
    ]);
    let _gateway = Background::start(&mut command);
    let ask = |path: &str| Curl::to("http", "127.0.0.1", api, path).send();
    eventually("the dashboard is served", || (ask("/dashboard/").status == 200).then_some(()));
    for path in ["/", "/dashboard"] {
        assert_eq!(ask(path).status, 301, "{path}");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let profile = folder.path().join("profile");
    let mut command = Command::new(browser);
    command.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", "about:blank"]);
    command.arg(format!("--user-data-dir={}", profile.display()));
    let _browser = Background::start(&mut command);
    let port = eventually("the browser listens", || debugging_port(&profile));
    runtime.block_on(visit(port, &format!("http://127.0.0.1:{api}/")));
}

fn debugging_port(profile: &Path) -> Option<u16> {
    std::fs::read_to_string(profile.join("DevToolsActivePort")).ok()?.lines().next()?.parse().ok()
}

async fn visit(port: u16, address: &str) {
    let mut page = Page::open(port).await;
    for domain in ["Log.enable", "Runtime.enable", "Page.enable"] {
        page.call(domain, json!({})).await;
    }
    // Shifts of the layout are told from the beginning on (Layout Instability API).
    let watch = "window.shifted = 0; new PerformanceObserver((list) => { for (const one of list.getEntries()) \
                 window.shifted += one.value; }).observe({ type: 'layout-shift', buffered: true });";
    page.call("Page.addScriptToEvaluateOnNewDocument", json!({ "source": watch })).await;
    page.resize(1280).await;
    page.call("Page.navigate", json!({ "url": address })).await;
    page.until("routes are shown", "document.querySelectorAll('#rows tr').length >= 3").await;
    assert_eq!(page.ask("location.pathname").await, "/dashboard/", "the root leads here");
    let text = page.ask("document.getElementById('rows').innerText").await;
    let text = text.as_str().unwrap();
    for expected in
        ["app@file", "unsupported function: Hst", "app@file takes all of its requests", "http://127.0.0.1:1"]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    page.until("the server is found to be down", "document.getElementById('servers-note').innerText === '1 down'")
        .await;
    page.until("requests are counted", "document.getElementById('rate').innerText !== '0'").await;

    let shifted = page.ask("window.shifted").await;
    assert!(shifted.as_f64().is_some_and(|shifted| shifted < 0.01), "the page moves while it is read: {shifted}");

    let filter = "const field = document.getElementById('filter'); field.value = 'hidden'; \
                  field.dispatchEvent(new Event('input')); \
                  [...document.querySelectorAll('#rows tr')].filter((line) => !line.hidden).length";
    assert_eq!(page.ask(filter).await, 1, "the filter leaves one");
    page.ask("field.value = ''; field.dispatchEvent(new Event('input'));").await;

    let overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(page.ask(overflow).await, 0, "nothing sticks out");
    page.resize(NARROW).await;
    assert_eq!(page.ask(overflow).await, 0, "nothing sticks out of a narrow page");
    for scheme in ["dark", "light"] {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        page.call("Emulation.setEmulatedMedia", features).await;
        let unreadable = page.ask(CONTRAST).await;
        assert_eq!(unreadable, json!([]), "too little contrast when it is {scheme}");
    }
    let named = "[...document.querySelectorAll('input')].every((field) => field.labels.length === 1) \
                 && document.querySelectorAll('h1').length === 1 && document.documentElement.lang === 'en' \
                 && [...document.querySelectorAll('table')].every((table) => table.getAttribute('aria-labelledby'))";
    assert_eq!(page.ask(named).await, true, "everything has a name");
    assert_eq!(page.complaints, Vec::<String>::new());
}

/// Texts whose contrast is below 4.5 (WCAG 2.2, success criterion 1.4.3).
const CONTRAST: &str = "(() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => parts(colour).slice(0, 3).map((part) => part / 255)
    .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const colour = getComputedStyle(node).backgroundColor, all = parts(colour);
      if (all.length < 4 || all[3] > 0) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const wrong = [];
  for (const node of document.querySelectorAll('main *, header *, footer *')) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
    if (!own || !node.getClientRects().length) continue;
    const [a, b] = [light(getComputedStyle(node).color), light(behind(node))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) wrong.push(node.textContent);
  }
  return wrong;
})()";

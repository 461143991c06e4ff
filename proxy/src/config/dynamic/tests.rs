//! Reading and writing the dynamic configuration.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::{Configuration, LoadBalancer};
use crate::config::duration::GoDuration;

#[test]
fn absent_fields_have_the_documented_defaults() {
    let text = r#"{"http":{"services":{"s":{"loadBalancer":{"servers":[{"url":"http://10.0.0.1:80"}],"healthCheck":{"path":"/"}}}}}}"#;
    let configuration: Configuration = serde_json::from_str(text).unwrap();
    let balancer = configuration.http.services.get("s").and_then(|s| s.load_balancer.as_ref()).unwrap();
    assert!(balancer.pass_host_header);
    assert_eq!(balancer.strategy, "wrr");
    assert_eq!(balancer.response_forwarding.flush_interval, GoDuration::from_millis(100));
    assert_eq!(balancer.health_check.as_ref().unwrap().interval, GoDuration::from_secs(30));
}

#[test]
fn writes_what_it_reads() {
    let text = concat!(
        r#"{"http":{"routers":{"r":{"service":"s","rule":"Host(`a`)","tls":{}}},"#,
        r#""middlewares":{"m":{"stripPrefix":{"prefixes":["/a"]}}},"#,
        r#""serversTransports":{"t":{"rootCAs":["ca.pem"],"disableHTTP2":true}}},"#,
        r#""tcp":{"routers":{"t":{"rule":"HostSNI(`*`)","tls":{"passthrough":true}}}},"#,
        r#""tls":{"certificates":[{"certFile":"c.pem","keyFile":"k.pem"}]}}"#
    );
    let configuration: Configuration = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&configuration).unwrap(), text);
}

#[test]
fn nothing_is_written_as_nothing() {
    assert_eq!(serde_json::to_string(&Configuration::default()).unwrap(), "{}");
    assert_eq!(
        serde_json::to_string(&LoadBalancer::default()).unwrap(),
        r#"{"strategy":"wrr","passHostHeader":true,"responseForwarding":{"flushInterval":"100ms"}}"#
    );
}

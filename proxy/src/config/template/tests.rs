#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

fn variables() -> BTreeMap<String, String> {
    [("GREET", "hello"), ("DOMAIN", "example.com")].map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// As in a dynamic file.
fn filled(template: &str) -> Result<String, Mistake> {
    let context =
        Context { root: Value::Flag(false), environment: &variables(), split_is_go: true, labels_are_texts: false };
    render(template, &context)
}

/// As in the default rule.
fn ruled(template: &str) -> Result<String, Mistake> {
    let labels = [("my.label", "vaLue"), ("other", "x")].map(|(name, value)| (name.to_owned(), Value::from(value)));
    let root = [
        ("Name", Value::from("web-shop")),
        ("ContainerName", Value::from("shop_web_1")),
        ("Labels", Value::Map(labels.into())),
    ];
    let root = Value::Record(root.map(|(name, value)| (name.to_owned(), value)).into());
    render(template, &Context { root, environment: &variables(), split_is_go: false, labels_are_texts: true })
}

#[test]
fn default_rules() {
    for (template, text) in [
        ("Host(`{{ normalize .ContainerName }}`)", "Host(`shop-web-1`)"),
        ("Host(`{{ .Name }}.{{ env \"DOMAIN\" }}`)", "Host(`web-shop.example.com`)"),
        ("{{ splitList \"-\" .Name | first }}.test", "web.test"),
        ("{{ (split \"-\" .Name)._1 }}", "shop"),
        ("{{ range $k, $v := .Labels }}{{ if eq $k \"my.label\" }}{{ $v | lower }}{{ end }}{{ end }}", "value"),
        ("{{ index .Labels \"my.label\" }}{{ .Labels.other }}", "vaLuex"),
        ("{{ if .Labels.nope }}a{{ else if eq .Name \"x\" }}b{{ else }}c{{ end }}", "c"),
        ("{{ default \"d\" (index .Labels \"nope\") }}", "d"),
        ("{{ with .Labels.other }}{{ . | upper }}{{ end }}", "X"),
        ("{{ $n := replace \"-\" \".\" .Name }}{{ $n }}", "web.shop"),
        ("{{ range splitList \"-\" .Name }}[{{ . }}]{{ end }}", "[web][shop]"),
        ("{{/* nothing */}}{{ if and (hasPrefix \"web\" .Name) (not .Labels.nope) }}y{{ end }}", "y"),
    ] {
        assert_eq!(ruled(template).as_deref(), Ok(text), "{template}");
    }
    assert_eq!(ruled("{{ frobnicate }}").unwrap_err().reason, "function `frobnicate` is not supported");
    assert_eq!(ruled("{{ .Nope }}").unwrap_err().reason, "there is no field `.Nope`");
}

#[test]
fn a_name_stays_within_its_quotes() {
    let template = "Host(`{{ normalize \"a`) || PathPrefix(`/\" }}.test`)";
    assert_eq!(ruled(template).as_deref(), Ok("Host(`a-PathPrefix.test`)"));
}

#[test]
fn times_are_written_by_layouts() {
    for (action, text) in [
        ("dateInZone \"2006-01-02 15:04:05\" 0 \"UTC\"", "1970-01-01 00:00:00"),
        ("dateInZone \"Monday, January 02 03:04PM .000 -0700\" 86400 \"UTC\"", "Friday, January 02 12:00AM .000 +0000"),
        ("dateInZone \"Mon Jan _2 3:4:5pm MST 06 Z07:00 Month\" 0 \"nowhere\"", "Thu Jan  1 12:0:0am UTC 70 Z Month"),
        ("htmlDateInZone 0 \"UTC\"", "1970-01-01"),
        ("now | date \"2006\" | len", "4"),
        ("unixEpoch (dateModify \"1h\" now) | len", "10"),
        ("eq (date \"2006\" 86400) \"1970\"", "true"),
        ("kindOf now", "struct"),
        ("uuidv4 | len", "36"),
        ("eq uuidv4 uuidv4", "false"),
        ("regexMatch \"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$\" uuidv4", "true"),
        ("getHostByName \"127.0.0.1\"", "127.0.0.1"),
        ("adler32sum \"hello world\"", "436929629"),
        ("adler32sum \"\"", "1"),
    ] {
        assert_eq!(filled(&format!("{{{{ {action} }}}}")).as_deref(), Ok(text), "{action}");
    }
    assert!(filled("{{ randAlpha 5 }}").is_err());
}

/// Each of these is what Traefik 3.7.15 makes of it.
#[test]
fn functions_give_what_they_give_in_traefik() {
    for (action, text) in [
        ("env \"GREET\"", "hello"),
        ("env \"NOPE\"", ""),
        ("expandenv \"a $GREET ${GREET}b $NOPE-\"", "a hello hellob -"),
        ("upper \"x\" | lower | quote", "\"x\""),
        ("quote \"a\\\"b\" \"c\"", "\"a\\\"b\" \"c\""),
        ("squote \"a\" 2", "'a' '2'"),
        (".", "false"),
        ("print \"a\" 1 2 \"b\"", "a1 2b"),
        ("printf \"%s-%d-%v-%q\" \"a\" 3 true \"q\"", "a-3-true-\"q\""),
        (
            "printf \"%05d|%5s|%-5s|%.2f|%x|%t|%c\" 42 \"ab\" \"cd\" 1.239 255 true 65",
            "00042|   ab|cd   |1.24|ff|true|A",
        ),
        ("printf \"%.3s|%x|%s\" \"abcdef\" \"abc\" (list \"a\" \"b\")", "abc|616263|[a b]"),
        ("printf \"%d\" \"a\"", "%!d(string=a)"),
        ("printf \"%v %v\" 1", "1 %!v(MISSING)"),
        ("printf \"%s\" \"a\" \"b\"", "a%!(EXTRA string=b)"),
        ("index (list \"a\" \"b\") 1", "b"),
        ("index (dict \"a\" \"b\") \"z\"", "<no value>"),
        ("(dict \"a\" \"b\").a", "b"),
        ("list 1 2 \"x\"", "[1 2 x]"),
        ("dict \"a\" 1 \"b\" \"x\"", "map[a:1 b:x]"),
        ("append (list 1) 2 | reverse | initial", "[2]"),
        ("concat (list 1) (list 2 2 0) | uniq | compact", "[1 2]"),
        ("without (list 1 2 3) 2 | rest", "[3]"),
        ("chunk 2 (list 1 2 3)", "[[1 2] [3]]"),
        ("slice (list 1 2 3) 1 2", "[2]"),
        ("sortAlpha (list \"b\" \"a\") | join \",\"", "a,b"),
        ("split \"a,b\" \",\"", "[a b]"),
        ("merge (dict \"a\" 1) (dict \"a\" 2 \"b\" 3)", "map[a:1 b:3]"),
        ("dig \"a\" \"x\" \"z\" (dict \"a\" (dict \"b\" \"c\"))", "z"),
        ("pluck \"a\" (dict \"a\" 1) (dict \"b\" 2) (dict \"a\" 3)", "[1 3]"),
        ("pick (dict \"a\" 1 \"b\" 2) \"a\" | keys", "[a]"),
        ("until -3", "[0 -1 -2]"),
        ("untilStep 1 10 3", "[1 4 7]"),
        ("seq 5 1", "5 4 3 2 1"),
        ("add \"1\" 2 | mul 3", "9"),
        ("mod 7 2", "1"),
        ("round 2.5 0", "3"),
        ("divf 3 2", "1.5"),
        ("toJson (dict \"a\" (list 1 \"b\" true nil))", "{\"a\":[1,\"b\",true,null]}"),
        ("(fromJson \"{\\\"a\\\":1}\").a", "1"),
        ("coalesce \"\" 0 \"x\"", "x"),
        ("true | ternary \"y\" \"n\"", "y"),
        ("or 1 (index (list) 4)", "1"),
        ("eq 1 2 1", "true"),
        ("lt \"a\" \"b\"", "true"),
        ("kindOf (list)", "slice"),
        ("typeOf (dict)", "map[string]interface {}"),
        ("title \"hello world-x y_z\"", "Hello World-X Y_z"),
        ("trunc -2 \"abc\"", "bc"),
        ("abbrev 5 \"hello world\"", "he..."),
        ("snakecase \"FooBar Baz-qux\"", "foo_bar_baz_qux"),
        ("camelcase \"foo_bar-baz\"", "fooBarBaz"),
        ("nindent 2 \"a\" | quote", "\"\\n  a\""),
        ("regexReplaceAll \"a(x*)b\" \"-ab-axxb-\" \"${1}W\"", "-W-xxW-"),
        ("regexFindAll \"b\" \"abb\" -1", "[b b]"),
        ("regexSplit \",\" \"a,b\" -1", "[a b]"),
        ("b64dec \"aGk=\" | b64enc", "aGk="),
        ("base \"/a/b.txt\" | ext", ".txt"),
        ("dir \"/a/b/\"", "/a/b"),
        ("urlquery \"a b&c\"", "a+b%26c"),
        ("html \"<a>\"", "&lt;a&gt;"),
        ("'a'", "97"),
        ("\"\\x41\\u00e9\\n\" | quote", "\"Aé\\n\""),
        ("`raw \"x\"`", "raw \"x\""),
        ("0x10", "16"),
        ("010", "8"),
        ("list \"b\" nil \"a\" | join \",\"", "b,a"),
        ("1_000", "1000"),
        ("mustToJson 1", "1"),
    ] {
        assert_eq!(filled(&format!("{{{{ {action} }}}}")).as_deref(), Ok(text), "{action}");
    }
}

#[test]
fn actions_do_what_they_do_in_traefik() {
    for (template, text) in [
        ("{{ range $i, $e := split \"a,b\" \",\" }}{{ $i }}{{ $e }}{{ end }}", "0a1b"),
        ("{{ range 3 }}{{ . }}{{ end }}", "012"),
        (
            "{{ range split \"a:=b\" \":=\" }}{{ . }}{{ end }}{{ print \"a=b\" }}{{ if eq \"=\" \"=\" }}c{{ end }}",
            "aba=bc",
        ),
        ("{{ range $i := until 3 }}{{ if eq $i 1 }}{{ continue }}{{ end }}{{ $i }}{{ end }}", "02"),
        ("{{ range $i := until 9 }}{{ if eq $i 2 }}{{ break }}{{ end }}{{ $i }}{{ end }}", "01"),
        ("{{ range list }}x{{ else }}none{{ end }}", "none"),
        ("{{ $x := 1 }}{{ range until 3 }}{{ $x = add $x . }}{{ end }}{{ $x }}", "4"),
        ("{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ end }}{{ $x }}", "1"),
        ("{{ if $y := env \"GREET\" }}{{ $y }}{{ else }}no{{ end }}", "hello"),
        ("{{ with env \"NOPE\" }}{{ . }}{{ else with 1 }}{{ . }}{{ end }}", "1"),
        ("{{ define \"t\" }}<{{ . }}>{{ end }}{{ template \"t\" \"a\" }}{{ template \"t\" }}", "<a><<no value>>"),
        ("{{ block \"b\" 5 }}[{{ . }}]{{ end }}", "[5]"),
        ("a {{- \" b \" -}} c", "a b c"),
        ("a {{- /* c }} */ -}} b", "ab"),
        ("{{\"x\"}}{{ \"}}\" }}", "x}}"),
        ("{{ $d := dict \"a\" 1 }}{{ $_ := set $d \"b\" 2 }}{{ $d }}", "map[a:1 b:2]"),
        ("{{ $d := dict \"a\" 1 }}{{ $_ := merge $d (dict \"b\" 2) }}{{ $d }}", "map[a:1 b:2]"),
        ("{{ if(eq 1 2) }}a{{ else if(eq 1 1) }}b{{ end }}", "b"),
        ("{{ range -3 }}x{{ else }}none{{ end }}", "none"),
        ("{{ (index (list (dict \"n\" \"x\")) 0).n }}", "x"),
    ] {
        assert_eq!(filled(template).as_deref(), Ok(text), "{template}");
    }
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    for (template, line, reason) in [
        ("a\n{{ .Name", 2, "`{{` without `}}`"),
        ("\n\n{{ end }}", 3, "`{{ end }}` ends nothing"),
        ("{{ if true }}\nx", 1, "`if` without `end`"),
        ("{{ if true }}{{ end\nx: {y: {}}", 1, "nothing is expected after `end`"),
        ("{{ if }}x{{ end }}", 1, "an empty action"),
        ("x\n{{ $x }}", 2, "there is no variable `$x`"),
        ("{{ $z = 1 }}", 1, "there is no variable `$z`"),
        (
            "{{ $d := dict \"in\" (dict) }}{{ $_ := set $d.in \"k\" 1 }}",
            1,
            "`set` changes maps of variables only, not those inside of others",
        ),
        ("{{ break }}", 1, "`break` outside of `range`"),
        ("{{ range 2 }}\n{{ template \"nope\" }}\n{{ end }}", 2, "there is no template \"nope\""),
        ("{{ index (list 1) 5 }}", 1, "`index`: 5 is outside of a list of 1"),
        ("{{ eq \"a\" 1 }}", 1, "`eq`: string and int are not compared"),
        ("{{ fail \"no\" }}", 1, "no"),
        ("{{ nil }}", 1, "nil is not a command"),
        ("{{ upper 5 }}", 1, "function `upper` is not supported, or not with these arguments (a number)"),
        ("{{ range $k, $v := 3 }}{{ end }}", 1, "`range` over a number sets one variable"),
        ("{{ div 7 0 }}", 1, "`div`: the result is not a number that there is"),
        ("{{ printf \"%+d\" 5 }}", 1, "`printf`: the flag `+` is not supported"),
        ("{{ printf \"%.2d\" 5 }}", 1, "`printf`: `%.d` is not supported for a number"),
        ("{{ printf \"%9999s\" \"a\" }}", 1, "`printf`: a width of 9999 is too much"),
        ("{{ 09 }}", 1, "`09` is no number"),
        ("{{ genCA }}", 1, "function `genCA` is not supported"),
    ] {
        assert_eq!(
            filled(template).map_err(|mistake| (mistake.place.line, mistake.reason)),
            Err((line, reason.to_owned())),
            "{template}"
        );
    }
}

#[test]
fn a_template_is_soon_over() {
    for endless in [
        "{{ define \"t\" }}{{ template \"t\" }}{{ end }}{{ template \"t\" }}",
        "{{ range until 100000 }}{{ range until 100000 }}{{ end }}x{{ end }}",
        "{{ until 1000000000 }}",
        "{{ repeat 1000000000 \"x\" }}",
        "{{ $x := list }}{{ range until 100000 }}{{ $x = list $x }}{{ end }}",
        "{{ $x := \"aaaaaaaa\" }}{{ range until 60 }}{{ $x = print $x $x }}{{ end }}",
        "{{ $x := \"aaaaaaaa\" }}{{ range until 60 }}{{ $x = replace \"a\" $x $x }}{{ end }}",
        "{{ $x := list 1 }}{{ range until 60 }}{{ $x = concat $x $x }}{{ end }}",
        "{{ range until 100000 }}{{ range until 100000 }}{{ break }}{{ end }}{{ end }}",
        "{{ untilStep 0 9223372036854775807 4611686018427387904 }}",
    ] {
        assert!(filled(endless).is_err(), "{endless}");
    }
    let deep = format!("{}{}", "{{ if true }}".repeat(100), "{{ end }}".repeat(100));
    assert!(filled(&deep).is_err());
    assert!(filled(&format!("{{{{ {}1{} }}}}", "(".repeat(100), ")".repeat(100))).is_err());
}

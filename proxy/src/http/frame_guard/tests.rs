use super::*;

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap_or(u8::MAX);
    [&[0, 0, length, kind, flags, 0, 0, 0, stream][..], payload].concat()
}

fn after_preface() -> Frames {
    let mut frames = Frames::new();
    assert_eq!(frames.look(&[b'P'; PREFACE]), Ok(()));
    frames
}

#[tokio::test(start_paused = true)]
async fn sizes_are_checked_wherever_the_bytes_are_cut() {
    for (kind, flags, payload, fine) in [
        (PING, 0, 8, true),
        (PING, 0, 7, false),
        (RST_STREAM, 0, 3, false),
        (PRIORITY, 0, 4, false),
        (SETTINGS, 0, 12, true),
        (SETTINGS, 0, 7, false),
        (SETTINGS, ACK, 6, false),
        (WINDOW_UPDATE, 0, 5, false),
        (DATA, 0, 100, true),
    ] {
        let sent = [frame(DATA, 0, 1, b"before"), frame(kind, flags, 1, &vec![0; payload])].concat();
        for cut in 0..sent.len() {
            let mut frames = after_preface();
            let (first, second) = sent.split_at(cut);
            let looked = frames.look(first).and_then(|()| frames.look(second));
            assert_eq!(looked.map_err(|bad| bad.reason), if fine { Ok(()) } else { Err(Reason::FRAME_SIZE_ERROR) });
        }
    }
    let mut frames = after_preface();
    let good = frame(DATA, 0, 1, b"before");
    let bad = Bad { reason: Reason::FRAME_SIZE_ERROR, good: good.len() };
    assert_eq!(frames.look(&[good, frame(PING, 0, 0, &[])].concat()), Err(bad));
}

#[tokio::test(start_paused = true)]
async fn credit_is_spent_and_earned() {
    let ping = frame(PING, 0, 0, &[0; 8]);
    let mut frames = after_preface();
    for _ in 0..MOST_CREDIT {
        assert_eq!(frames.look(&ping), Ok(()));
    }
    frames.earn(&Poll::Ready(Ok(1024)));
    assert_eq!(frames.look(&[ping.clone(), ping.clone()].concat()), Ok(()));
    tokio::time::advance(std::time::Duration::from_millis(1000)).await;
    for _ in 0..CREDIT_A_SECOND {
        assert_eq!(frames.look(&ping), Ok(()));
    }
    assert_eq!(frames.look(&ping), Err(Bad { reason: Reason::ENHANCE_YOUR_CALM, good: 0 }));
}

#[tokio::test(start_paused = true)]
async fn trailers_have_no_pseudo_header_fields() {
    let request = frame(HEADERS, 4, 1, &[0x82, 0x86, 0x84]);
    for (flags, block, fine) in [
        (5, &[0x40, 1, b'x', 1, b'y'][..], true),
        (5, &[0x7e], true),
        (5, &[0x82], false),
        (5, &[0x41, 1, b'a'], false),
        (5, &[0x20, 0x3f, 0xe1, 0x1f, 0x02, 1, b'a'], false),
        (5, b"\x00\x07:method\x03GET", false),
        (5, &[0x00, 0x85, 0xb9, 0x49, 0x53, 0x39, 0xe4], false),
        (5 | PADDED | WITH_PRIORITY, &[0, 0, 0, 0, 0, 9, 0x82], false),
    ] {
        let mut frames = after_preface();
        assert_eq!(frames.look(&request), Ok(()), "a request has them");
        let looked = frames.look(&frame(HEADERS, flags, 1, block));
        assert_eq!(looked.is_ok(), fine, "{block:?}");
    }
}

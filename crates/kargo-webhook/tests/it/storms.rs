//! Large, slow, many: nobody else waits.

use std::{net::SocketAddr, time::Duration};

use kargo_webhook::desk::Desk;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, timeout},
};

use crate::client::{converse, post, push, signed};
use crate::memory_host::{MemoryHost, receiver};

const LOUD: &str = "https://git.example/team/loud";
const QUIET: &str = "https://git.example/team/quiet";

fn host() -> MemoryHost {
    MemoryHost::default().with_installation("s").watching(LOUD).watching(QUIET)
}

/// The quiet repository is heard, whatever the others do.
async fn is_heard(address: SocketAddr, text: &str) {
    let body = push(QUIET, text);
    let answered = post(address, "/hooks/github", &signed("s", &body), &body).await;
    assert_eq!(answered.status, 202, "{answered:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_deliveries_are_a_trigger_in_each_window() {
    let (host, address, _server) = host().serve().await;
    let start = Instant::now();
    for wave in 0..20 {
        let deliveries = (0..50).map(|number| async move {
            let body = push(LOUD, &format!("{wave} {number}"));
            post(address, "/hooks/github", &signed("s", &body), &body).await.status
        });
        let statuses = futures::future::join_all(deliveries).await;
        assert!(statuses.iter().all(|status| *status == 202), "{statuses:?}");
        if wave == 10 {
            is_heard(address, "amid the storm").await;
        }
    }
    let windows = start.elapsed().as_millis().div_ceil(Desk::WINDOW.as_millis());
    let loud = host.triggered().into_iter().filter(|each| *each == receiver(LOUD, None)).count();
    let most = 1 + usize::try_from(windows).expect("few windows");
    assert!((1..=most).contains(&loud), "{loud} triggers in {windows} windows");
    assert!(host.triggered().contains(&receiver(QUIET, None)));
    // The last delivery of a burst is not lost: it triggers at the end of the window.
    let last = Instant::now();
    while host.triggered().iter().filter(|each| **each == receiver(LOUD, None)).count() == loud
        && loud < 2
    {
        assert!(last.elapsed() < Duration::from_mins(1), "no trigger at the end of the window");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_forgeries_is_refused_and_delays_nobody() {
    let (host, address, _server) = host().serve().await;
    let forgeries = (0..1000).map(|number| async move {
        let body = push(LOUD, &number.to_string());
        let length = body.len();
        let head = format!(
            "POST /hooks/github HTTP/1.1\r\nhost: kargo\r\ncontent-length: {length}\r\n{}\r\n",
            signed("guess", &body)
        );
        converse(address, &[head.as_bytes(), &body].concat()).await.map(|answered| answered.status)
    });
    let (statuses, ()) = tokio::join!(futures::future::join_all(forgeries), is_heard(address, "1"));
    // The oldest connections make room when there are too many.
    assert!(statuses.iter().all(|status| matches!(status, None | Some(401))), "{statuses:?}");
    assert!(statuses.contains(&Some(401)));
    assert_eq!(host.triggered(), [receiver(QUIET, None)]);
}

#[tokio::test]
async fn fifty_megabytes_are_refused_with_an_answer_that_arrives() {
    let (_host, address, _server) = host().serve().await;
    let body = vec![b' '; 50 * 1024 * 1024];
    let answered = post(address, "/hooks/github", "x-hub-signature-256: sha256=\r\n", &body).await;
    assert_eq!(answered.status, 401, "not even a signature");
    let signature = format!("x-hub-signature-256: sha256={}\r\n", "0".repeat(64));
    let answered = post(address, "/hooks/github", &signature, &body).await;
    assert_eq!(answered.status, 413);
    assert!(answered.body.contains("1 MiB"), "{}", answered.body);
}

#[tokio::test]
async fn the_cap_is_a_mebibyte_and_not_a_byte_more() {
    let (_host, address, _server) = host().serve().await;
    for (length, expected) in [(1024 * 1024, 202), (1024 * 1024 + 1, 413)] {
        let mut body = push(LOUD, "1");
        body.resize(length, b' ');
        let answered = post(address, "/hooks/github", &signed("s", &body), &body).await;
        assert_eq!(answered.status, expected, "{length}");
        // Without a word about its length beforehand, it is counted as it comes.
        body.truncate(length - 1);
        body.push(b'\n');
        let head = "POST /hooks/github HTTP/1.1\r\nhost: kargo\r\ntransfer-encoding: chunked\r\n";
        let head = format!("{head}{}\r\n{length:x}\r\n", signed("s", &body));
        let request = [head.as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
        let answered = converse(address, &request).await.map(|answered| answered.status);
        assert_eq!(answered, Some(expected), "{length} in chunks");
    }
}

#[tokio::test]
async fn a_body_that_drips_is_given_up() {
    let (_host, address, _server) = host().serve().await;
    let signature = format!("x-hub-signature-256: sha256={}\r\n", "0".repeat(64));
    let head = format!(
        "POST /hooks/github HTTP/1.1\r\nhost: kargo\r\ncontent-length: 1000\r\n{signature}\r\n"
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut read, mut write) = stream.into_split();
    let dripping = tokio::spawn(async move {
        while write.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let mut answer = String::new();
    let all = timeout(Duration::from_mins(1), read.read_to_string(&mut answer));
    all.await.expect("it is given up").unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    dripping.abort();
}

#[tokio::test]
async fn a_thousand_who_say_nothing_keep_nobody_waiting() {
    let (host, address, _server) = host().serve().await;
    let mut silent = Vec::new();
    for number in 0..1000 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        if number % 2 == 0 {
            stream.write_all(b"POST /hooks/github HTTP/1.1\r\nhost: ka").await.unwrap();
        }
        silent.push(stream);
    }
    is_heard(address, "1").await;
    assert_eq!(host.triggered(), [receiver(QUIET, None)]);
    // The first ones were cut, to make room.
    let mut byte = [0; 1];
    let cut = timeout(Duration::from_mins(1), silent[0].read(&mut byte)).await.expect("it is cut");
    assert!(matches!(cut, Ok(0) | Err(_)));
}

//! What a stream around another one leaves to it.

/// Methods of `AsyncRead` and `AsyncWrite` that a type with a field `stream` hands on to that as they are.
macro_rules! pass_through {
    ($($method:ident),+) => {
        $($crate::pass_through::pass_through!(@ $method);)+
    };
    (@ poll_read) => {
        fn poll_read(
            self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
            buf: &mut tokio::io::ReadBuf<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            std::pin::Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
        }
    };
    (@ poll_write) => {
        fn poll_write(
            self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
            buf: &[u8],
        ) -> std::task::Poll<std::io::Result<usize>> {
            std::pin::Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
        }
    };
    (@ poll_write_vectored) => {
        fn poll_write_vectored(
            self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
            bufs: &[std::io::IoSlice<'_>],
        ) -> std::task::Poll<std::io::Result<usize>> {
            std::pin::Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
        }
    };
    (@ is_write_vectored) => {
        fn is_write_vectored(&self) -> bool {
            self.stream.is_write_vectored()
        }
    };
    (@ poll_flush) => {
        fn poll_flush(
            self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            std::pin::Pin::new(&mut self.get_mut().stream).poll_flush(cx)
        }
    };
    (@ poll_shutdown) => {
        fn poll_shutdown(
            self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            std::pin::Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
        }
    };
}

pub(crate) use pass_through;

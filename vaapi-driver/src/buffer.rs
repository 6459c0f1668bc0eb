// SPDX-License-Identifier: BSD-2-Clause
//! VA buffers: a client's parameter and data buffers, and the ones that carry an image's pixels.

use crate::codec::RenderedBuffer;
use crate::error::{Error, Result};
use crate::memory::Memory;
use crate::pixels::Pixels;
use crate::surface::Surface;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use va_sys::*;

/// Most bytes of one buffer; an 8192x8192 picture of raw 10-bit samples stays below.
const MAX_BYTES: usize = 256 << 20;

/// A client's buffer.
pub struct Buffer {
    kind: VABufferType,
    element_size: usize,
    /// At most as many as there is memory for.
    elements: AtomicUsize,
    content: Content,
}

enum Content {
    /// A parameter or data buffer.
    Data(Memory),
    /// An image's pixels; a derived image's are those of its surface.
    Pixels(Arc<Pixels>, Option<Arc<Surface>>),
}

impl Buffer {
    /// `vaCreateBuffer` for a decoder, zeroed where the client gives no data.
    ///
    /// # Errors
    /// [`Error::UnsupportedBufferType`], [`Error::Allocation`]
    pub fn new(
        kind: VABufferType,
        element_size: u32,
        elements: u32,
        data: Option<&[u8]>,
    ) -> Result<Self> {
        let decoding = kind <= VAProbabilityBufferType && kind != VAProtectedSliceDataBufferType;
        if !decoding {
            return Err(Error::UnsupportedBufferType(kind));
        }
        let (element_size, elements) = (element_size as usize, elements as usize);
        let bytes = Self::bytes(element_size, elements)?;
        let memory = Memory::heap(bytes)?;
        if data.is_some_and(|data| !memory.try_write(0, data)) {
            return Err(Error::InvalidParameter("more data than elements"));
        }
        Ok(Self {
            kind,
            element_size,
            elements: AtomicUsize::new(elements),
            content: Content::Data(memory),
        })
    }

    /// The buffer of an image; `surface` where the image is derived.
    pub fn image(pixels: Arc<Pixels>, surface: Option<Arc<Surface>>) -> Self {
        let size = pixels.layout().size;
        let content = Content::Pixels(pixels, surface);
        Self {
            kind: VAImageBufferType,
            element_size: size,
            elements: AtomicUsize::new(1),
            content,
        }
    }

    /// Bytes of so many elements, if a buffer can have them.
    ///
    /// # Errors
    /// [`Error::Allocation`]
    pub fn bytes(element_size: usize, elements: usize) -> Result<usize> {
        let bytes = element_size.saturating_mul(elements);
        if bytes > MAX_BYTES {
            Err(Error::Allocation(bytes))
        } else {
            Ok(bytes)
        }
    }

    /// `VABufferType`, bytes of an element, elements.
    pub fn info(&self) -> (VABufferType, usize, usize) {
        (
            self.kind,
            self.element_size,
            self.elements.load(Ordering::Relaxed),
        )
    }

    /// `vaBufferSetNumElements`: within the memory that the buffer was created with.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`]
    pub fn set_elements(&self, elements: u32) -> Result<()> {
        let Content::Data(memory) = &self.content else {
            return Err(Error::InvalidParameter("an image's buffer keeps its size"));
        };
        if Self::bytes(self.element_size, elements as usize)? > memory.len() {
            return Err(Error::InvalidParameter(
                "more elements than the buffer was created with",
            ));
        }
        self.elements.store(elements as usize, Ordering::Relaxed);
        Ok(())
    }

    /// The address that `vaMapBuffer` gives, valid as long as the buffer lives. A derived image's pixels are there only when
    /// its surface's decode has ended, however it did: this waits.
    pub fn map(&self) -> *mut u8 {
        match &self.content {
            Content::Data(memory) => memory.as_ptr(),
            Content::Pixels(pixels, surface) => {
                if let Some(Err(error)) = surface.as_ref().map(|surface| surface.wait(None)) {
                    tracing::debug!("mapping an image of an unfinished surface: {error}");
                }
                pixels.memory().as_ptr()
            }
        }
    }

    /// The surface that a derived image shows.
    pub fn surface(&self) -> Option<&Arc<Surface>> {
        match &self.content {
            Content::Pixels(_, surface) => surface.as_ref(),
            Content::Data(_) => None,
        }
    }

    /// A copy for translation.
    ///
    /// # Errors
    /// [`Error::InvalidBuffer`] for an image's buffer.
    pub fn render(&self) -> Result<RenderedBuffer> {
        let Content::Data(memory) = &self.content else {
            return Err(Error::InvalidBuffer);
        };
        let (kind, element_size, elements) = self.info();
        let data = memory.to_vec(element_size.saturating_mul(elements));
        Ok(RenderedBuffer {
            kind,
            element_size,
            elements,
            data,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_and_elements() {
        let buffer =
            Buffer::new(VASliceParameterBufferType, 3, 2, Some(&[1, 2, 3, 4, 5, 6])).unwrap();
        let rendered = buffer.render().unwrap();
        assert_eq!(
            (rendered.element_size, rendered.elements, rendered.data),
            (3, 2, vec![1, 2, 3, 4, 5, 6])
        );
        buffer.set_elements(1).unwrap();
        assert_eq!(buffer.render().unwrap().data, [1, 2, 3]);
        assert!(buffer.set_elements(3).is_err());
        assert!(buffer.set_elements(u32::MAX).is_err());
    }

    #[test]
    fn sizes_and_types_are_limited() {
        let new = |kind, size, elements| Buffer::new(kind, size, elements, None).err();
        assert_eq!(
            new(VAEncCodedBufferType, 16, 1),
            Some(Error::UnsupportedBufferType(VAEncCodedBufferType))
        );
        assert!(matches!(
            new(VASliceDataBufferType, u32::MAX, u32::MAX),
            Some(Error::Allocation(_))
        ));
        assert_eq!(new(VASliceDataBufferType, 0, 0), None);
        assert_eq!(new(VASliceDataBufferType, 1 << 20, 1), None);
    }
}

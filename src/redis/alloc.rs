//! The allocator of the module: the server's own, so that memory shows in `used_memory`.
//!
//! The crate's `RedisAlloc` is not used: it copies on every growth of a vector and trusts that
//! rounding the size aligns the address.

use std::alloc::{GlobalAlloc, Layout};

use redis_module::raw;

/// What the server's allocator aligns to at least. Not 16: the jemalloc that comes with Redis
/// is built with a quantum of 8, and a block of 24 or 40 bytes lies at any multiple of 8.
const SERVER_ALIGN: usize = 8;

/// Room for the pointer that `over_aligned` keeps before its block.
const HEADER: usize = size_of::<*mut u8>();

/// Hands every request to the server. Before the server has handed its functions over there
/// is nothing to hand to: a null pointer, on which Rust gives up. Nothing in the module
/// allocates before `RedisModule_OnLoad`.
pub(super) struct ServerAlloc;

// SAFETY: blocks come from one allocator and go back to it; `over_aligned` blocks are told
// apart by their layout, which the caller repeats.
unsafe impl GlobalAlloc for ServerAlloc {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() > SERVER_ALIGN {
            return over_aligned(layout);
        }
        // SAFETY: the function pointers are set once, before the first allocation.
        match unsafe { raw::RedisModule_Alloc } {
            // SAFETY: any size is fine.
            Some(alloc) => unsafe { alloc(layout.size()) }.cast(),
            None => std::ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let block = match layout.align() > SERVER_ALIGN {
            // SAFETY: `over_aligned` wrote the original address just before the block.
            true => unsafe { block.sub(HEADER).cast::<*mut u8>().read_unaligned() },
            false => block,
        };
        // SAFETY: see `alloc`.
        if let Some(free) = unsafe { raw::RedisModule_Free } {
            // SAFETY: the block came from the same allocator.
            unsafe { free(block.cast()) };
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: see `alloc`.
        match unsafe { raw::RedisModule_Realloc } {
            Some(realloc) if layout.align() <= SERVER_ALIGN => {
                // SAFETY: the block came from the same allocator.
                unsafe { realloc(block.cast(), size) }.cast()
            }
            _ => {
                // SAFETY: the caller's contract: the new size fits the alignment.
                let new =
                    unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
                if !new.is_null() {
                    // SAFETY: both blocks hold the smaller of the sizes and are apart.
                    unsafe {
                        std::ptr::copy_nonoverlapping(block, new, layout.size().min(size));
                        self.dealloc(block, layout);
                    }
                }
                new
            }
        }
    }
}

/// A block with a larger alignment than the server gives: over-allocated, with the original
/// address before it.
fn over_aligned(layout: Layout) -> *mut u8 {
    // SAFETY: see `alloc`.
    let Some(alloc) = (unsafe { raw::RedisModule_Alloc }) else { return std::ptr::null_mut() };
    // SAFETY: any size is fine.
    let original: *mut u8 = unsafe { alloc(layout.size() + layout.align() + HEADER) }.cast();
    if original.is_null() {
        return original;
    }
    let shift = HEADER + original.wrapping_add(HEADER).align_offset(layout.align());
    // SAFETY: header and block lie inside what was allocated.
    unsafe {
        let block = original.add(shift);
        block.sub(HEADER).cast::<*mut u8>().write_unaligned(original);
        block
    }
}

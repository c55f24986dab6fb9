// IntrusiveList: a list whose links live in its elements, so that adding and removing allocate
// nothing. The list owns nothing; an element that dies leaves its list by itself.
#pragma once

#include <cstddef>

namespace pegaflow::client {

// Base class of the elements of lists with this tag. Not copyable: the list points at it.
template <typename Tag>
class ListHook {
 public:
  ListHook() = default;
  ListHook(const ListHook&) = delete;
  ListHook& operator=(const ListHook&) = delete;
  ~ListHook() { unlink(); }
  bool linked() const { return next_ != nullptr; }
  void unlink() {
    if (!linked()) return;
    previous_->next_ = next_;
    next_->previous_ = previous_;
    previous_ = next_ = nullptr;
  }

 private:
  template <typename T, typename OtherTag>
  friend class IntrusiveList;
  ListHook* previous_ = nullptr;
  ListHook* next_ = nullptr;
};

// T derives from ListHook<Tag>. Not thread safe.
template <typename T, typename Tag>
class IntrusiveList {
 public:
  IntrusiveList() { head_.previous_ = head_.next_ = &head_; }
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;
  ~IntrusiveList() {
    while (!empty()) head_.next_->unlink();
    head_.previous_ = head_.next_ = nullptr;
  }

  bool empty() const { return head_.next_ == &head_; }
  // At the end, unless it is in the list already.
  void add(T& element) {
    ListHook<Tag>& hook = element;
    if (hook.linked()) return;
    hook.previous_ = head_.previous_;
    hook.next_ = &head_;
    head_.previous_->next_ = &hook;
    head_.previous_ = &hook;
  }
  // The oldest, which leaves the list; null when there is none.
  T* take_first() {
    if (empty()) return nullptr;
    ListHook<Tag>* first = head_.next_;
    first->unlink();
    return static_cast<T*>(first);
  }

 private:
  ListHook<Tag> head_;
};

}  // namespace pegaflow::client

# The provider's name leads to another address on this machine, where another server answers.
echo "127.0.0.9 login.example.com" >>/etc/hosts
